"""ADD: branches summed cell by cell; an axis of length 1 is spread over the others.

    y[c,i,j] = Σ_b x_b[c,i,j]

The gradient passes whole into every branch, ∂L/∂x_b = e, summed over the places that a spread
number stands at. This is how a residual network carries an error past any number of layers.

Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> Add().forward(Call((np.array([[1.0, 2.0]]), np.array([[10.0]])))).tolist()
[[11.0, 12.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Factor, Saves, Term
from striate.ops.arrays import Array
from striate.ops.merging.broadcasting import Broadcasting


@final
@dataclass(frozen=True)
class Add(Broadcasting):
    """The sum of two or more branches. Shape: that of each branch, or 1 along an axis."""

    label: ClassVar[str] = "add"
    verb: ClassVar[str] = "adds"
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    saves: ClassVar[Saves] = Saves(hands_on=True)

    def merged(self, *numbers: Array) -> Array:
        total, *others = numbers
        for branch in others:
            total = total + branch
        return total

    def slope(self, branch: int, *numbers: Array) -> Array:
        return np.ones_like(numbers[0])

    def summands(self, *cells: Factor) -> list[Term]:
        return [Term((cell,)) for cell in cells]

    def slopes(self, branch: int, *cells: Factor) -> tuple[Factor, ...]:
        return (Factor(1.0, "1"),)

    def written(self, *cells: str) -> str:
        return " + ".join(cells)

    def written_slope(self, branch: int, *cells: str) -> str:
        return ""
