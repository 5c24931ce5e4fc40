"""The shape of what flows along an edge, without the batch axis, and with a name for each axis."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import prod

from striate.display import shape_text
from striate.errors import SettingError, ShapeError, did_you_mean

_AXES: tuple[tuple[str, ...], ...] = (
    (),
    ("unit",),
    ("channel", "step"),
    ("channel", "row", "column"),
    ("channel", "depth", "row", "column"),
)


@dataclass(frozen=True, slots=True)
class Spec:
    """Shape and axis names of one value: channels first, then the spatial axes.

    >>> str(Spec((6, 28, 28))), Spec((6, 28, 28)).axes
    ('6x28x28', ('channel', 'row', 'column'))
    >>> Spec((28, 28, 6), ("row", "column", "channel")).axis("channel")
    2

    Args:
        shape: the length of each axis.
        names: a name for each axis, where the usual ones do not hold; they do not count when two
            specs are compared.
    """

    shape: tuple[int, ...]
    names: tuple[str, ...] = field(default=(), compare=False)

    @property
    def axes(self) -> tuple[str, ...]:
        """A name for each axis; usually channel first, then the spatial ones, or `unit`."""
        if self.names:
            return self.names
        if len(self.shape) < len(_AXES):
            return _AXES[len(self.shape)]
        return ("channel", *(f"axis{k}" for k in range(1, len(self.shape))))

    def axis(self, name: str | int) -> int:
        """The number of the axis of that name, or of that number (negative from the end).

        Raises:
            ShapeError: there is no such axis.
        """
        if isinstance(name, int):
            if -self.rank <= name < self.rank:
                return name % self.rank
        elif name in self.axes:
            return self.axes.index(name)
        elif name in GENERAL and self.rank:
            return GENERAL[name] % self.rank
        known = f"{self} has the axes {', '.join(self.axes)}, or 0 to {self.rank - 1}."
        near = did_you_mean(str(name), self.axes) if isinstance(name, str) else ""
        raise ShapeError(
            f"{{self}} names the axis {name}, which {self} lacks", remedy=near or known
        )

    def with_length(self, axis: int, length: int) -> Spec:
        """The same but for the length of one axis.

        >>> str(Spec((6, 28, 28)).with_length(0, 3))
        '3x28x28'
        """
        return Spec((*self.shape[:axis], length, *self.shape[axis + 1 :]), self.names)

    @property
    def rank(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return prod(self.shape)

    @property
    def channels(self) -> int:
        """The length of the first axis: channels of a map, units of a flat value."""
        return self.shape[0]

    @property
    def spatial(self) -> tuple[int, ...]:
        """The lengths of the axes after the channels."""
        return self.shape[1:]

    @property
    def positions(self) -> range:
        """The axes that positions lie along: all but that of the channels, or of the units."""
        return range(0 if self.axes[:1] == ("step",) else 1, self.rank)

    def __str__(self) -> str:
        return shape_text(self.shape)


GENERAL = {"first": 0, "channel": 0, "last": -1}
"""Words that name an axis of any value: of a flat one, `channel` is its only axis."""


_INPUT = re.compile(r"(?:([^\W\d]\w*)=)?([1-9][0-9]{0,5}(?:x[1-9][0-9]{0,5})*)", re.ASCII)


def read_input(written: str) -> tuple[str, tuple[int, ...]]:
    """The name of an input, or nothing, and the lengths of its axes, the batch not counted.

    Raises:
        SettingError: it is not written so.

    >>> read_input("3x224x224"), read_input("mask=1x8")
    (('', (3, 224, 224)), ('mask', (1, 8)))
    """
    found = _INPUT.fullmatch(written)
    if found is None:
        raise SettingError(
            f"{written[:60]!r} is no input", remedy="Write 3x224x224, or name=3x224x224."
        )
    return found[1] or "", tuple(map(int, found[2].split("x")))
