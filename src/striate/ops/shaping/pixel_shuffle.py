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
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Spec,
    Term,
    Use,
)
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class PixelShuffle(Operator):
    """Blocks of channels as blocks of pixels.

    Args:
        upscale_factor: r, the side of a block; its square divides the channels.

    Shape: (C·r², H, W) -> (C, H·r, W·r).
    """

    label: ClassVar[str] = "shuffle"
    only_moves: ClassVar[bool] = True

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

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Reach:
        return Reach.UNEVEN

    def forward(self, call: Call) -> Array:
        r = self.upscale_factor
        n, channels, h, w = call.x.shape
        blocks = call.x.reshape(n, channels // r**2, r, r, h, w)
        return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(n, -1, h * r, w * r)

    def backward(self, call: Call, error: Array) -> Gradients:
        r = self.upscale_factor
        n, channels, height, width = error.shape
        blocks = error.reshape(n, channels, height // r, r, width // r, r)
        return Gradients((blocks.transpose(0, 1, 3, 5, 2, 4).reshape(call.x.shape),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cell = (index[0], *self._source(index[1:]))
        return [Term((Factor(call.x[cell].item(), refs=(Ref(0, cell),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use((ref.index[0], *self._goal(ref.index[1:])), (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"{{0}}[{','.join(map(str, self._source(index)))}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}[{','.join(map(str, self._goal(ref.index)))}].grad"

    def _source(self, goal: Index) -> Index:
        """Where the number at a place of the output comes from."""
        r = self.upscale_factor
        c, row, column = goal
        return (c * r + row % r) * r + column % r, row // r, column // r

    def _goal(self, source: Index) -> Index:
        """The place of the output that a number goes to."""
        r = self.upscale_factor
        c, row, column = source
        return c // r**2, row * r + c // r % r, column * r + c % r
