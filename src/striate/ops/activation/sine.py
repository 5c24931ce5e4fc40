"""SINE: the sine of each number.

    y = sin(x)        y' = cos(x)

Its derivative is a sine again, moved by a quarter: networks of sines represent a picture together
with its slopes.

Source: Sitzmann, Martel, Bergman, Lindell and Wetzstein, "Implicit Neural Representations with
Periodic Activation Functions", NeurIPS 2020, arXiv:2006.09661, equation 2.

>>> import numpy as np
>>> Sine().function(np.array([0.0, np.pi / 6, np.pi / 2])).round(12).tolist()
[0.0, 0.5, 1.0]
>>> Sine().derivative(np.array([0.0, np.pi / 3])).round(12).tolist()
[1.0, 0.5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Sine(Elementwise):
    """The sine, of radians. Shape: any, unchanged."""

    label: ClassVar[str] = "sin"
    symbol: ClassVar[str] = "sin"

    def function(self, x: Array) -> Array:
        return np.sin(x)

    def derivative(self, x: Array) -> Array:
        return np.cos(x)
