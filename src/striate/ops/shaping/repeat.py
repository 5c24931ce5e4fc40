"""REPEAT: the input laid end to end with itself along one axis.

    y[k] = x[k mod n]        along the axis, for k < times · n

The gradient of a cell is the sum of the errors of its copies.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020 (tile).

>>> import numpy as np
>>> from striate.graph import Call
>>> Repeat(2).forward(Call((np.array([[1.0, 2.0]]),))).tolist()
[[1.0, 2.0, 1.0, 2.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Along, Routes, Saves, Spec
from striate.graph.window import checked_sizes
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Repeat(Rearrangement):
    """Args:
        times: how often.
        axis: its name or number, the channels unless it is given.

    Shapes: the axis becomes times as long.
    """

    label: ClassVar[str] = "repeat"
    saves: ClassVar[Saves] = Saves(hands_on=True)

    times: int
    axis: str | int = "channel"

    def __post_init__(self) -> None:
        checked_sizes("times", self.times)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        axis = x.axis(self.axis)
        return x.with_length(axis, self.times * x.shape[axis])

    def field(self, *inputs: Spec) -> Routes:
        axis = inputs[0].axis(self.axis)
        return Routes.straight(inputs[0].rank, {axis: Along(axis, even=False)})

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        return np.concatenate(arrays * self.times, axis=specs[0].axis(self.axis) + 1)
