"""RESHAPE: the same numbers in the same order, with other axes.

    y = x, read row by row into the new axes

Nothing is computed: the gradient is the error, reshaped back. Axes that keep their length and their
place in the order (the rows and columns, when channels are split into groups) keep their names too.
An axis of -1 takes what is left; one of 0 stays, whatever its length: RESHAPE 2x58x0x0 splits 116
channels of maps of any size.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020, section "NumPy arrays".

>>> import numpy as np
>>> from striate.graph import Call
>>> Reshape((2, 3)).forward(Call((np.arange(6.0).reshape(1, 6),))).tolist()
[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
>>> str(Reshape((2, -1, 0, 0)).shape(Spec((116, 28, 20))))
'2x58x28x20'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.display import shape_text
from striate.errors import SettingError
from striate.graph import Along, Routes, Saves, Spec
from striate.ops.arrays import Array
from striate.ops.shaping import regrouping
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Reshape(Rearrangement):
    """Args:
        size: the length of each axis, the batch not counted; -1 for one that takes what is left,
            0 for one that stays: the first axes, or the last, of the input.

    Shapes: any -> size, of as many numbers.
    """

    label: ClassVar[str] = "reshape"
    saves: ClassVar[Saves] = Saves(views=True, hands_on=True)

    size: tuple[int, ...]

    def __post_init__(self) -> None:
        inner = self.size[slice(*regrouping.ends(self.size))]
        if not self.size or min(inner, default=1) < -1 or 0 in inner or inner.count(-1) > 1:
            raise SettingError(
                f"{shape_text(self.size, 'nothing')} is no size",
                remedy="Write RESHAPE 8x7x7; one axis may be -1, and the first or last ones 0.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        size, names = regrouping.lengths(self.size, x), list(Spec(self.size).axes)
        for left, right in regrouping.groups(self.size, x):
            if len(left) == len(right) == 1:
                names[right[0]] = x.axes[left[0]]
        return Spec(size, tuple(names) if len(set(names)) == len(names) else ())

    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        goes = list[Along | None]()
        for left, right in regrouping.groups(self.size, x):
            axis = right[0] if len(right) == 1 else None
            even = len(left) == len(right) == 1
            goes += [Along(axis, even=even) if right else None] * len(left)
        return Routes(tuple(goes))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return x.reshape(len(x), *regrouping.lengths(self.size, specs[0]))
