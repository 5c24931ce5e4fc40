"""LEAKYRELU: positive numbers pass, negative ones are let through a little.

    y = x for x > 0, else slope · x        y' = 1 for x > 0, else slope

No unit can die: where ReLU has no gradient at all, a hundredth of it still gets through. At the
corner x = 0 the derivative is the slope, as in PyTorch.

Source: Maas, Hannun and Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic Models",
ICML 2013, section 2.2, with slope 0.01.

>>> import numpy as np
>>> LeakyReLU().function(np.array([-2.0, 0.0, 3.0])).tolist()
[-0.02, 0.0, 3.0]
>>> LeakyReLU(0.25).derivative(np.array([-2.0, 0.0, 3.0])).tolist()
[0.25, 0.25, 1.0]
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
class LeakyReLU(Elementwise):
    """The rectifier with a small slope on its left side.

    Args:
        slope: the derivative for negative numbers.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "lrelu"
    symbol: ClassVar[str] = "lrelu"
    rectifies: ClassVar[bool] = True

    slope: float = 0.01

    def __post_init__(self) -> None:
        checked.finite("slope", self.slope, 0.01)

    def function(self, x: Array) -> Array:
        return np.where(x > 0, x, self.slope * x)

    def derivative(self, x: Array) -> Array:
        return np.where(x > 0, 1, self.slope).astype(x.dtype)
