"""HARDSIGMOID: a sigmoid of three straight pieces.

    y = min(max(0, x + 3), 6) / 6        y' = 1/6 for -3 < x < 3, else 0

No exponential, only additions and comparisons: made for small devices. At the corners ±3 the
derivative is taken as 0. (Courbariaux et al. had the steeper min(max(0, (x + 1)/2), 1).)

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244, section 5.2;
Courbariaux, Bengio and David, "BinaryConnect", NIPS 2015, arXiv:1511.00363, equation 3.

>>> import numpy as np
>>> HardSigmoid().function(np.array([-4.0, 0.0, 1.5, 4.0])).tolist()
[0.0, 0.5, 0.75, 1.0]
>>> HardSigmoid().derivative(np.array([-4.0, 0.0])).round(4).tolist()
[0.0, 0.1667]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """The sigmoid in straight pieces. Shape: any, unchanged."""

    label: ClassVar[str] = "hardsigmoid"
    symbol: ClassVar[str] = "hardsigmoid"
    rises: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return np.minimum(np.maximum(x + 3, 0), 6) / 6

    def derivative(self, x: Array) -> Array:
        return ((x > -3) & (x < 3)).astype(x.dtype) / 6
