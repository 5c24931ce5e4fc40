"""PERMUTE: the axes in another order.

    y[i_p(0), i_p(1), …] = x[i_0, i_1, …]

Nothing is computed: the gradient is the error with its axes put back. The names of the axes go with
them, so that a normalization over the channels finds them wherever they stand.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020 (transpose).

>>> import numpy as np
>>> from striate.graph import Call
>>> Permute((1, 0)).forward(Call((np.arange(6.0).reshape(1, 2, 3),))).tolist()
[[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]]
>>> Permute((1, 2, 0)).shape(Spec((8, 5, 7))).axes
('row', 'column', 'channel')
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.display import shape_text
from striate.errors import SettingError, ShapeError
from striate.graph import Along, Routes, Saves, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Permute(Rearrangement):
    """Args:
        order: for each axis of the output the axis of the input that it is, from 0.

    Shapes: (n_0, n_1, …) -> (n_order[0], n_order[1], …).
    """

    label: ClassVar[str] = "permute"
    saves: ClassVar[Saves] = Saves(views=True, hands_on=True)

    order: tuple[int, ...]

    def __post_init__(self) -> None:
        if sorted(self.order) != list(range(len(self.order))) or not self.order:
            raise SettingError(
                f"{shape_text(self.order)} is no order of axes",
                remedy="Name every axis once, from 0: PERMUTE 1x2x0 puts channels last.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank != len(self.order):
            raise ShapeError(
                f"{{self}} orders {len(self.order)} axes, but {x} has {x.rank}",
                remedy="Name every axis of the input once; the batch is not counted.",
            )
        return Spec(tuple(x.shape[k] for k in self.order), tuple(x.axes[k] for k in self.order))

    def field(self, *inputs: Spec) -> Routes:
        return Routes(tuple(Along(self.order.index(k)) for k in range(len(self.order))))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return x.transpose(0, *(k + 1 for k in self.order))
