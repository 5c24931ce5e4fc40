"""CLIP: numbers between two bounds pass, others become the nearer bound.

    y = min(max(x, low), high)        y' = 1 for low <= x <= high, else 0

At the bounds, where versions of PyTorch differ, the derivative is 1, that of the passing side;
`torch.nn.Hardtanh` has 0 there.

Source: "Open Neural Network Exchange, Operators", Clip.

>>> import numpy as np
>>> Clip(-0.5, 0.5).function(np.array([-2.0, 0.25, 3.0])).tolist()
[-0.5, 0.25, 0.5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Clip(Elementwise):
    """Numbers held between bounds.

    Args:
        low, high: the least and the greatest number that passes.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "clip"
    symbol: ClassVar[str] = "clip"
    rises: ClassVar[bool] = True

    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise SettingError(
                f"nothing lies between {self.low} and {self.high}",
                remedy="Give the lower bound first: CLIP -1 1.",
            )

    def function(self, x: Array) -> Array:
        return np.clip(x, x.dtype.type(self.low), x.dtype.type(self.high))

    def derivative(self, x: Array) -> Array:
        return ((x >= self.low) & (x <= self.high)).astype(x.dtype)
