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
from striate.errors import ShapeError
from striate.graph import Routes, Saves, Spec
from striate.ops import checked
from striate.ops.arrays import Array
from striate.ops.broadcast import fits
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
        checked.lengths("a value", self.size, "EXPAND 8x7x7")

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if not fits(x.shape, self.size):
            raise ShapeError(
                f"{{self}} cannot make {shape_text(self.size)} of {x}",
                remedy="Name every axis; only those of length 1 can grow.",
            )
        return Spec(self.size, x.names)

    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        pairs = zip(x.shape, self.size, strict=True)
        return Routes.straight(x.rank, {k: None for k, (n, m) in enumerate(pairs) if n != m})

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return np.broadcast_to(x, (len(x), *self.size)).copy()
