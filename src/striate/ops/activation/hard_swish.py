"""HARDSWISH: each number is weighted by its own hard sigmoid.

    y = x · min(max(0, x + 3), 6) / 6        y' = 0 for x <= -3, (2x + 3)/6 between, 1 for x >= 3

The swish x · σ(x) with a sigmoid of straight pieces. The derivative jumps at both ends: from 0 to
-1/2 at -3 and from 3/2 to 1 at 3; in the corners it is taken as 0 and 1, as PyTorch does.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244, section 5.2.

>>> import numpy as np
>>> HardSwish().function(np.array([-1.5, 0.0, 3.0])).tolist()
[-0.375, 0.0, 3.0]
>>> HardSwish().derivative(np.array([-4.0, -1.5, 0.0, 3.0])).tolist()
[0.0, 0.0, 0.5, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class HardSwish(Elementwise):
    """Swish in pieces that need no exponential. Shape: any, unchanged."""

    label: ClassVar[str] = "hardswish"
    symbol: ClassVar[str] = "hardswish"
    rectifies: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return x * np.minimum(np.maximum(x + 3, 0), 6) / 6

    def derivative(self, x: Array) -> Array:
        between = (2 * x + 3) / 6
        return np.where(x <= -3, 0, np.where(x < 3, between, 1)).astype(x.dtype)
