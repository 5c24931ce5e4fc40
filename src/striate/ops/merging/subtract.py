"""SUB: the second branch taken from the first, cell by cell; an axis of length 1 is spread.

    y[c,i,j] = a[c,i,j] - b[c,i,j]

The gradients: ∂L/∂a = e and ∂L/∂b = -e, each summed over the places that a spread number stands at.

Source: as a node of a graph: Baydin, Pearlmutter, Radul and Siskind, "Automatic Differentiation in
Machine Learning: a Survey", JMLR 18, 2018, section 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> Subtract().forward(Call((np.array([[5.0, 2.0]]), np.array([[2.0]])))).tolist()
[[3.0, 0.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Factor, Saves, Spec, Term
from striate.ops.arrays import Array
from striate.ops.merging.broadcasting import Broadcasting


@final
@dataclass(frozen=True)
class Subtract(Broadcasting):
    """The difference of exactly two branches. Shape: that of both, or 1 along an axis."""

    label: ClassVar[str] = "sub"
    verb: ClassVar[str] = "subtracts"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def kept(self, *inputs: Spec) -> Saves:
        first, y = inputs[0], self.shape(*inputs)
        return Saves(hands_on=(0,) if first.size == y.size else ())

    def merged(self, *numbers: Array) -> Array:
        left, right = numbers
        return left - right

    def slope(self, branch: int, *numbers: Array) -> Array:
        return np.full_like(numbers[0], -1 if branch else 1)

    def summands(self, *cells: Factor) -> list[Term]:
        left, right = cells
        return [Term((left,)), Term((Factor(-1.0, "-1"), right))]

    def slopes(self, branch: int, *cells: Factor) -> tuple[Factor, ...]:
        return (Factor(-1.0, "-1"),) if branch else (Factor(1.0, "1"),)

    def written(self, *cells: str) -> str:
        return " - ".join(cells)

    def written_slope(self, branch: int, *cells: str) -> str:
        return " · (-1)" if branch else ""
