"""SQRT: the square root of each number.

    y = √x        y' = 1/(2·√x)

At 0 its slope is inf, and below 0 it is not a number: what reads it must not be negative.

Source: the power rule; over pooled features: Perronnin, Sánchez and Mensink, "Improving the
Fisher Kernel for Large-Scale Image Classification", ECCV 2010, section 3.2 (α = 1/2).

>>> import numpy as np
>>> Sqrt().function(np.array([0.0, 0.25, 9.0])).tolist()
[0.0, 0.5, 3.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Sqrt(Elementwise):
    """The square root of each number. Shape: any, unchanged."""

    label: ClassVar[str] = "sqrt"
    symbol: ClassVar[str] = "√"
    saves: ClassVar[Saves] = Saves(output=True)

    def function(self, x: Array) -> Array:
        return np.sqrt(x)

    def derivative(self, x: Array) -> Array:
        return 0.5 / np.sqrt(x)
