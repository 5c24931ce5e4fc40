"""PIXELSHUFFLE: channels become pixels, so that a map of features turns into a larger picture.

    y[c, i·r + a, j·r + b] = x[(c·r + a)·r + b, i, j]        a, b = 0 … r - 1

Every r² channels are laid out as an r by r block at each place: a convolution before it computes
the fine pixels at the cost of the coarse map. Nothing is computed here: the gradient is the error,
put back into the channels that its pixels came from.

Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network", CVPR 2016, arXiv:1609.05158, equation 4.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.arange(8.0).reshape(1, 4, 1, 2),))
>>> PixelShuffle(2).forward(call).tolist()
[[[[0.0, 2.0, 1.0, 3.0], [4.0, 6.0, 5.0, 7.0]]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.errors import ShapeError
from striate.graph import Along, Routes, Spec
from striate.ops import checked
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class PixelShuffle(Rearrangement):
    """Blocks of channels as blocks of pixels.

    Args:
        upscale_factor: r, the side of a block; its square divides the channels.

    Shape: (C·r², H, W) -> (C, H·r, W·r).
    """

    label: ClassVar[str] = "shuffle"

    upscale_factor: int

    def __post_init__(self) -> None:
        checked.count("upscale_factor", self.upscale_factor, 2)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        block = self.upscale_factor**2
        if x.rank != 3:
            raise ShapeError(
                f"{{self}} enlarges maps of a height and a width, but its input is {x}",
                remedy="Put it behind a CONV, before FLATTEN.",
            )
        if x.channels % block:
            whole = block * max(1, round(x.channels / block))
            raise ShapeError(
                f"the {x.channels} channels of {{self}} do not split into blocks of {block}",
                remedy=f"Give the layer before it {whole} channels.",
            )
        side = self.upscale_factor
        return Spec((x.channels // block, x.spatial[0] * side, x.spatial[1] * side))

    def field(self, *inputs: Spec) -> Routes:
        return Routes((Along(None, even=False), Along(1, even=False), Along(2, even=False)))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,), r = arrays, self.upscale_factor
        n, channels, h, w = x.shape
        blocks = x.reshape(n, channels // r**2, r, r, h, w)
        return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * r, w * r)
