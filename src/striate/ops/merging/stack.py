"""STACK: branches of one size side by side, on a new first axis.

    y[b, …] = x_b[…]

Nothing is computed: the gradient of a branch is its slice of the error.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020 (stack).

>>> import numpy as np
>>> from striate.graph import Call
>>> Stack().forward(Call((np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])))).tolist()
[[[1.0, 2.0], [3.0, 4.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import Along, Routes, Saves, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Stack(Rearrangement):
    """Shapes: (*n,) for each of B branches -> (B, *n)."""

    label: ClassVar[str] = "stack"
    arity: ClassVar[tuple[int, int | None]] = (1, None)

    def shape(self, *inputs: Spec) -> Spec:
        if len(set(inputs)) > 1:
            raise ShapeError(
                f"{{self}} stacks maps of one size, but its inputs are "
                f"{' and '.join(map(str, inputs))}",
                remedy="Give the branches equal channels (CONV with kernel 1) and equal strides.",
            )
        one = inputs[0]
        names = ("branch", *one.axes)
        return Spec((len(inputs), *one.shape), names if len(set(names)) == len(names) else ())

    def field(self, *inputs: Spec) -> Routes:
        return Routes(tuple(Along(k + 1) for k in range(inputs[0].rank)))

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(hands_on=tuple(range(len(inputs))))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        return np.stack(arrays, axis=1)
