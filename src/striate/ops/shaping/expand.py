"""EXPAND: axes of length 1 made longer, their one number standing at every place.

    y[…, k, …] = x[…, 0, …]

The gradient of a number is the sum of the errors of all the places that it stands at.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020, figure 1 (broadcasting).

>>> import numpy as np
>>> from striate.graph import Call
>>> Expand((1, 3)).forward(Call((np.array([[[7.0]]]),))).tolist()
[[[7.0, 7.0, 7.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.display import shape_text
from striate.errors import SettingError, ShapeError
from striate.graph import Along, Routes, Saves, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Expand(Rearrangement):
    """Args:
        size: the length of each axis afterwards.

    Shapes: (n_0, n_1, …) -> size, where each n is that length or 1.
    """

    label: ClassVar[str] = "expand"
    saves: ClassVar[Saves] = Saves(views=True, hands_on=True)

    size: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.size or min(self.size) < 1:
            raise SettingError(f"a value of {self.size} is empty", remedy="Write EXPAND 8x7x7.")

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        fits = x.rank == len(self.size) and all(
            n in (1, m) for n, m in zip(x.shape, self.size, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"{{self}} cannot make {shape_text(self.size)} of {x}",
                remedy="Name every axis; only those of length 1 can grow.",
            )
        return Spec(self.size, x.names)

    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        grows = [n != m for n, m in zip(x.shape, self.size, strict=True)]
        return Routes(tuple(None if grow else Along(k) for k, grow in enumerate(grows)))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return np.broadcast_to(x, (len(x), *self.size)).copy()
