"""THRESHOLD: numbers above a threshold pass, others become a constant.

    y = x for x > threshold, else value        y' = 1 for x > threshold, else 0

At the threshold itself, where y may jump, it is the constant.

Source: Konda, Memisevic and Krueger, "Zero-bias autoencoders and the benefits of co-adapting
features", ICLR 2015, arXiv:1402.3337 (the thresholded rectifier, of value 0).

>>> import numpy as np
>>> Threshold().function(np.array([0.5, 1.0, 1.5])).tolist()
[0.0, 0.0, 1.5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Threshold(Elementwise):
    """The thresholded rectifier.

    Args:
        threshold: what a number must be above to pass.
        value: what others become.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "threshold"
    symbol: ClassVar[str] = "threshold"
    rectifies: ClassVar[bool] = True

    threshold: float = 1.0
    value: float = 0.0

    def __post_init__(self) -> None:
        checked.finite("threshold", self.threshold, 1)
        checked.finite("value", self.value, 0)

    def function(self, x: Array) -> Array:
        return np.where(x > self.threshold, x, x.dtype.type(self.value))

    def derivative(self, x: Array) -> Array:
        return (x > self.threshold).astype(x.dtype)
