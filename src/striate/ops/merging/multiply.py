"""MUL: branches multiplied cell by cell; an axis of length 1 is spread over the others.

    y[c,i,j] = Π_b x_b[c,i,j]

The gradient of one branch is the error times the product of the others:
∂L/∂x_b = e · Π_{a≠b} x_a, summed over the places that a spread number stands at. A branch that ends
in a sigmoid is a gate: it says how much of the other passes, of one cell or of a whole map.

Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
section 4 (multiplicative gates); Hu, Shen and Sun, "Squeeze-and-Excitation Networks", CVPR 2018,
arXiv:1709.01507, equation 4 (one number for a map).

>>> import numpy as np
>>> from striate.graph import Call
>>> Multiply().forward(Call((np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])))).tolist()
[[10.0, 40.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar, final

import numpy as np

from striate.graph import Factor, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array
from striate.ops.merging.broadcasting import Broadcasting

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Multiply(Broadcasting):
    """The product of two or more branches. Shape: that of each branch, or 1 along an axis."""

    label: ClassVar[str] = "mul"
    verb: ClassVar[str] = "multiplies"
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def kept(self, *inputs: Spec) -> Saves:
        products = (self.shape(*inputs[:count]).size for count in range(2, len(inputs)))
        return Saves(inputs=True, own=NUMBER * sum(products))

    def merged(self, *numbers: Array) -> Array:
        return _product(numbers)

    def slope(self, branch: int, *numbers: Array) -> Array:
        return _product((np.ones_like(numbers[0]), *_others(numbers, branch)))

    def summands(self, *cells: Factor) -> list[Term]:
        return [Term(cells)]

    def slopes(self, branch: int, *cells: Factor) -> tuple[Factor, ...]:
        return _others(cells, branch)

    def written(self, *cells: str) -> str:
        return " · ".join(cells)

    def written_slope(self, branch: int, *cells: str) -> str:
        return "".join(f" · {cell}" for cell in _others(cells, branch))


def _others(given: tuple[T, ...], branch: int) -> tuple[T, ...]:
    return (*given[:branch], *given[branch + 1 :])


def _product(arrays: tuple[Array, ...]) -> Array:
    product, *others = arrays
    for each in others:
        product = product * each
    return product
