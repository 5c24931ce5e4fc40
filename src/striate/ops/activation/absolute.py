"""ABS: the size of each number, without its sign.

    y = |x|        y' = sign(x), 0 at zero

Source: as a rectifier of feature maps: Jarrett, Kavukcuoglu, Ranzato and LeCun, "What is the Best
Multi-Stage Architecture for Object Recognition?", ICCV 2009, section 2.1.

>>> import numpy as np
>>> Abs().function(np.array([-2.0, 0.0, 3.0])).round(6).tolist()
[2.0, 0.0, 3.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Abs(Elementwise):
    """The size of each number, without its sign. Shape: any, unchanged."""

    label: ClassVar[str] = "abs"
    symbol: ClassVar[str] = "abs"
    rectifies: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return np.abs(x)

    def derivative(self, x: Array) -> Array:
        return np.sign(x)
