"""STANH: LeCun's hyperbolic tangent, stretched so that 1 goes to 1 and -1 to -1.

    y = A · tanh(S · x)        y' = A · S · (1 - tanh²(S · x))        A = 1.7159, S = 2/3

With these numbers f(±1) = ±1 and the second derivative is largest at x = ±1: targets of ±1 are
reached where the function bends most, far from the flat ends at ±1.7159 where nothing is learned.
The slope at zero is A · S = 1.1439.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", Proceedings of the IEEE 86(11), 1998, equation 6 and appendix A.

>>> import numpy as np
>>> ScaledTanh().function(np.array([-1.0, 0.0, 1.0, 100.0])).round(4).tolist()
[-1.0, 0.0, 1.0, 1.7159]
>>> ScaledTanh().derivative(np.array([0.0])).round(4).tolist()
[1.1439]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves
from striate.graph.saves import NUMBER
from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class ScaledTanh(Elementwise):
    """A hyperbolic tangent with its own height and slope.

    Args:
        amplitude: the bound on both sides; above 0.
        slope: what the input is multiplied by; above 0.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "stanh"
    symbol: ClassVar[str] = "stanh"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(each=NUMBER)

    amplitude: float = 1.7159
    slope: float = 2 / 3

    def __post_init__(self) -> None:
        checked.positive("amplitude", self.amplitude, 1.7159)
        checked.positive("slope", self.slope, 2 / 3)

    def function(self, x: Array) -> Array:
        return self.amplitude * np.tanh(self.slope * x)

    def derivative(self, x: Array) -> Array:
        return self.amplitude * self.slope * (1 - np.tanh(self.slope * x) ** 2)
