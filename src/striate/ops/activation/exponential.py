"""EXP: the exponential of each number.

    y = exp(x)        y' = y

Source: the only function that is its own derivative.

>>> import numpy as np
>>> Exp().function(np.array([0.0, 1.0])).round(6).tolist()
[1.0, 2.718282]
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
class Exp(Elementwise):
    """The exponential of each number. Shape: any, unchanged."""

    label: ClassVar[str] = "exp"
    symbol: ClassVar[str] = "exp"
    rises: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(output=True)

    def function(self, x: Array) -> Array:
        return np.exp(x)

    def derivative(self, x: Array) -> Array:
        return np.exp(x)
