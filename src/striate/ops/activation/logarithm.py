"""LOG: the natural logarithm of each number.

    y = log(x)        y' = 1/x

At 0 it is -inf with slope inf, and below 0 it is not a number: what reads it must be positive.

Source: the inverse of the exponential; over pixel intensities: Oppenheim, Schafer and Stockham,
"Nonlinear Filtering of Multiplied and Convolved Signals", Proceedings of the IEEE 56, 1968.

>>> import numpy as np
>>> Log().function(np.array([1.0, 2.0])).round(6).tolist()
[0.0, 0.693147]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Log(Elementwise):
    """The natural logarithm of each number. Shape: any, unchanged."""

    label: ClassVar[str] = "log"
    symbol: ClassVar[str] = "log"

    def function(self, x: Array) -> Array:
        return np.log(x)

    def derivative(self, x: Array) -> Array:
        return 1 / x
