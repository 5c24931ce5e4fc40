"""FLIP: one axis backwards.

    y[k] = x[n - 1 - k]        along the axis

Nothing is computed: the gradient is the error, turned back. A bidirectional network reads a
sequence through it.

Source: Schuster and Paliwal, "Bidirectional Recurrent Neural Networks", IEEE Transactions on Signal
Processing 45(11), 1997, section II.

>>> import numpy as np
>>> from striate.graph import Call
>>> Flip("last").forward(Call((np.array([[[1.0, 2.0, 3.0]]]),))).tolist()
[[[3.0, 2.0, 1.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Along, Routes, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Flip(Rearrangement):
    """Args:
        axis: its name or number.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "flip"

    axis: str | int = "last"

    def shape(self, *inputs: Spec) -> Spec:
        inputs[0].axis(self.axis)
        return inputs[0]

    def field(self, *inputs: Spec) -> Routes:
        axis = inputs[0].axis(self.axis)
        return Routes.straight(inputs[0].rank, {axis: Along(axis, even=False)})

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        return np.flip(arrays[0], specs[0].axis(self.axis) + 1)
