"""Which input channels a kernel reads: all, those of its group, or those of a connection table.

A table has a row an output channel and a column an input channel; 1 says that they are
connected. Only the K pairs with a 1 have a kernel: they are stored one after the other, row by
row, so that the layer has K·(u·v) + n_out parameters. Leaving pairs out saves work and keeps
output channels from all becoming alike.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, section II.B and table I.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TypeAlias

import numpy as np

from striate.errors import SettingError, did_you_mean
from striate.graph import Index
from striate.ops.arrays import Array

ConnectionTable: TypeAlias = tuple[tuple[int, ...], ...]


def _rows(inputs: int, *outputs: str) -> ConnectionTable:
    return tuple(tuple(int(str(c) in reads) for c in range(inputs)) for reads in outputs)


TABLES: Mapping[str, ConnectionTable] = {
    "lenet5": _rows(
        6,
        *("012", "123", "234", "345", "045", "015"),  # three neighbors, round the circle
        *("0123", "1234", "2345", "0345", "0145", "0125"),  # four neighbors
        *("0134", "1245", "0235"),  # four, not side by side
        "012345",
    ),
}
"""Connection tables with a name: for each output channel the input channels that it reads."""


def checked_table(
    table: ConnectionTable | str | None, outputs: int, groups: int
) -> ConnectionTable | str | None:
    """`table` in its one canonical form: its name when it has one.

    Raises:
        SettingError: no known name, no matrix of 0 and 1, or not a row an output channel.
    """
    if table is None:
        return None
    if isinstance(table, str) and table not in TABLES:
        remedy = did_you_mean(table, TABLES) or f"There is {', '.join(TABLES)}, or give a matrix."
        raise SettingError(f"no connection table is called {table}", remedy=remedy)
    rows = TABLES[table] if isinstance(table, str) else table
    if groups > 1:
        raise SettingError("a convolution has groups or a table, not both", remedy="Drop one.")
    if len(rows) != outputs:
        raise SettingError(
            f"the connection table has {len(rows)} rows for {outputs} output channels",
            remedy=f"Write CONV {len(rows)}, or a table with {outputs} rows.",
        )
    ragged = len({len(row) for row in rows}) > 1
    if ragged or any(type(cell) is not int or cell not in (0, 1) for row in rows for cell in row):
        raise SettingError(
            "a connection table is a matrix of 0 and 1",
            remedy="Write a row an output channel: table=1+0x1+1 connects the first output to "
            "the first input and the second output to both.",
        )
    if not all(map(any, rows)):
        raise SettingError(
            "a row of the connection table has no 1: its output channel reads nothing",
            remedy="Connect it to an input channel, or leave it out.",
        )
    return next((name for name, known in TABLES.items() if known == rows), rows)


@dataclass(frozen=True)
class Wiring:
    """The connected pairs of channels, and where the kernel of each is stored.

    Args:
        into, out: numbers of channels.
        groups: into which both are split.
        table: rows of a connection table, or none.
    """

    into: int
    out: int
    groups: int = 1
    table: ConnectionTable | None = None

    @property
    def stored(self) -> Index:
        """The first axes of the weight: (out, into/groups), or (K,) with a table."""
        return (len(self._pairs),) if self.table else (self.out, self._own)

    @property
    def _own(self) -> int:
        """Input channels of a group."""
        return self.into // self.groups

    @property
    def _kernels(self) -> int:
        """Output channels of a group."""
        return self.out // self.groups

    @cached_property
    def _pairs(self) -> tuple[tuple[int, int], ...]:
        """(output channel, input channel) of every kernel of a table, in the order stored."""
        rows = enumerate(self.table or ())
        return tuple((o, c) for o, row in rows for c, cell in enumerate(row) if cell)

    def pair(self, place: Index) -> tuple[int, int]:
        """(output channel, input channel) of the kernel stored at `place`."""
        if self.table:
            return self._pairs[place[0]]
        o, c = place
        return o, o // self._kernels * self._own + c

    def read_by(self, output: int) -> list[tuple[int, Index]]:
        """(input channel, place of the kernel) for all that one output channel reads."""
        if self.table:
            return [(c, (k,)) for k, (o, c) in enumerate(self._pairs) if o == output]
        first = output // self._kernels * self._own
        return [(first + c, (output, c)) for c in range(self._own)]

    def readers_of(self, channel: int) -> list[tuple[int, Index]]:
        """(output channel, place of the kernel) for all that read one input channel."""
        if self.table:
            return [(o, (k,)) for k, (o, c) in enumerate(self._pairs) if c == channel]
        group, c = divmod(channel, self._own)
        return [(o, (o, c)) for o in range(group * self._kernels, (group + 1) * self._kernels)]

    def dense(self, weight: Array) -> Array:
        """All kernels as (group, kernel in it, channel in it, tap), strangers with zeros."""
        taps = weight.reshape(prod(self.stored), -1)
        if not self.table:
            return taps.reshape(self.groups, self._kernels, self._own, -1)
        full = np.zeros((1, self.out, self.into, taps.shape[1]), dtype=weight.dtype)
        full[0][tuple(np.transpose(self._pairs))] = taps
        return full

    def kept(self, dense: Array) -> Array:
        """The opposite of `dense`: of all kernels those that are stored, taps on one axis."""
        if not self.table:
            return dense.reshape(*self.stored, -1)
        return dense[0][tuple(np.transpose(self._pairs))]
