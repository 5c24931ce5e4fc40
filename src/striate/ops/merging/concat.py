"""CONCAT: branches laid end to end, channels behind channels unless another axis is named.

    y = (x_0, x_1, …)        y[k + c, i, j] = x_b[c,i,j]

with k the channels of the branches before b. Nothing is computed: the gradient of a branch is
its slice of the error.

Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, arXiv:1409.4842, figure 2
(filter concatenation).

>>> import numpy as np
>>> from striate.graph import Call
>>> Concat().forward(Call((np.array([[1.0, 2.0]]), np.array([[3.0]])))).tolist()
[[1.0, 2.0, 3.0]]
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
class Concat(Rearrangement):
    """Branches along an axis.

    Args:
        axis: its name or number, the channels unless it is given.

    Shapes: (C_b, *spatial) … -> (Σ C_b, *spatial).
    """

    label: ClassVar[str] = "concat"
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    only_moves: ClassVar[bool] = True

    axis: str | int = "channel"

    def shape(self, *inputs: Spec) -> Spec:
        (first, *_), axis = inputs, inputs[0].axis(self.axis)
        others = {(x.rank, x.shape[:axis], x.shape[axis + 1 :]) for x in inputs}
        if len(others) > 1:
            raise ShapeError(
                "{self} stacks maps of one "
                + ("height and width" if axis == 0 else "size along all other axes")
                + f", but its inputs are {' and '.join(map(str, inputs))}",
                remedy="Give the branches equal strides, and padding that keeps sizes (same).",
            )
        total = sum(x.shape[axis] for x in inputs)
        return first.with_length(axis, total)

    def field(self, *inputs: Spec) -> Routes:
        axis = inputs[0].axis(self.axis)
        return Routes.straight(inputs[0].rank, {axis: Along(axis, even=False)})

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(hands_on=tuple(range(len(inputs))))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        return np.concatenate(arrays, axis=specs[0].axis(self.axis) + 1)
