"""ROLL: one axis shifted, what falls out at its end coming in at its start.

    y[k] = x[(k - shift) mod n]        along the axis

Nothing is computed: the gradient is the error, shifted back.

Source: Liu et al., "Swin Transformer", ICCV 2021, arXiv:2103.14030, figure 4 (cyclic shift).

>>> import numpy as np
>>> from striate.graph import Call
>>> Roll(1, "last").forward(Call((np.array([[[1.0, 2.0, 3.0]]]),))).tolist()
[[[3.0, 1.0, 2.0]]]
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
class Roll(Rearrangement):
    """Args:
        shift: positions towards the end; negative towards the start.
        axis: its name or number.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "roll"

    shift: int
    axis: str | int = "last"

    def shape(self, *inputs: Spec) -> Spec:
        inputs[0].axis(self.axis)
        return inputs[0]

    def field(self, *inputs: Spec) -> Routes:
        axis = inputs[0].axis(self.axis)
        return Routes.straight(inputs[0].rank, {axis: Along(axis, even=False)})

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        return np.roll(arrays[0], self.shift, specs[0].axis(self.axis) + 1)
