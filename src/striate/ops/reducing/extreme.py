"""What MAX and MIN share: one number of the row wins, and the gradient goes to it alone.

Among equals the first in reading order wins, as in MAXPOOL and in PyTorch's `max` along a
dimension (its `amax` divides the gradient among them).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.graph import Factor, Saves, Spec, Term
from striate.graph.saves import INDEX
from striate.ops.arrays import Array
from striate.ops.reducing.reduction import Reduction


@dataclass(frozen=True)
class Extreme(Reduction):
    """The number of a row that is beyond all others."""

    superlative: ClassVar[str]
    """What the winner is of its row: largest."""

    @abstractmethod
    def winners(self, rows: Array) -> Array:
        """The place of the winner in each row."""

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        sizes, found = dict(enumerate(x.shape)), 0
        for axis in reversed(self.axes(x)):  # one after the other, with its winners
            del sizes[axis]
            found += prod(sizes.values())
        return Saves(own=INDEX * found)

    @final
    def reduced(self, rows: Array) -> Array:
        return np.take_along_axis(rows, self.winners(rows)[..., None], axis=-1)[..., 0]

    @final
    def slopes(self, rows: Array) -> Array:
        slopes = np.zeros_like(rows)
        np.put_along_axis(slopes, self.winners(rows)[..., None], 1, axis=-1)
        return slopes

    @final
    def summands(self, row: Sequence[Factor]) -> list[Term]:
        return [Term((row[self._winner(row)],))]

    @final
    def slope(self, row: Sequence[Factor], place: int) -> Factor:
        won = place == self._winner(row)
        label = f"1 (the {self.superlative})" if won else f"0 (not the {self.superlative})"
        return Factor(float(won), label)

    @final
    def text(self, row: str, length: int) -> str:
        return f"{self.label} of {row}"

    @final
    def slope_text(self, number: str, length: int) -> str:
        return f" · [{number} is the {self.superlative}]"

    def _winner(self, row: Sequence[Factor]) -> int:
        return int(self.winners(np.array([number.value for number in row])))
