"""TANH: any number squashed between -1 and 1.

    y = tanh(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ)        y' = 1 - tanh²(x)

A sigmoid stretched to be odd, tanh(x) = 2σ(2x) - 1: outputs have mean zero where inputs do, so
the next layer trains faster.

Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.4.

>>> import numpy as np
>>> Tanh().function(np.array([0.0, np.log(2.0)])).round(12).tolist()
[0.0, 0.6]
>>> Tanh().derivative(np.array([0.0, np.log(2.0)])).round(12).tolist()
[1.0, 0.64]
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
class Tanh(Elementwise):
    """The hyperbolic tangent. Shape: any, unchanged."""

    label: ClassVar[str] = "tanh"
    symbol: ClassVar[str] = "tanh"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(output=True)

    def function(self, x: Array) -> Array:
        return np.tanh(x)

    def derivative(self, x: Array) -> Array:
        return 1 - np.tanh(x) ** 2
