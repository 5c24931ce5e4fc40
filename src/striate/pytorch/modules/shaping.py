"""What changes the shape alone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from striate import ops
from striate.graph import Operator
from striate.pytorch.modules.making import Maker, plain
from striate.pytorch.recipe import Recipe

ROWS: Mapping[type[Operator], Maker] = {
    ops.Flatten: plain(nn.Flatten),
    ops.PixelShuffle: lambda op, inputs: Recipe(nn.PixelShuffle, (op.upscale_factor,)),
}
