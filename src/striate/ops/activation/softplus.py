"""SOFTPLUS: a rectifier without a corner.

    y = log(1 + exp(β·x)) / β        y' = σ(β·x)

It lies above max(0, x), by log(2) / β at zero and by ever less away from it; a larger β bends it
more sharply. Where β·x is above a threshold, y = x and y' = 1, as PyTorch computes it: beyond 20
the two differ by less than float32 can tell.

Source: Dugas, Bengio, Bélisle, Nadeau and Garcia, "Incorporating Second-Order Functional Knowledge
for Better Option Pricing", NIPS 2000.

>>> import numpy as np
>>> Softplus().function(np.array([0.0, np.log(3.0), 1000.0])).round(12).tolist()
[0.69314718056, 1.38629436112, 1000.0]
>>> Softplus(beta=2.0).derivative(np.array([0.0, np.log(3.0) / 2])).round(12).tolist()
[0.5, 0.75]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Softplus(Elementwise):
    """The smooth rectifier.

    Args:
        beta: how sharply it bends, above 0.
        threshold: the largest β·x that is not taken as it is, 0 or more.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "softplus"
    symbol: ClassVar[str] = "softplus"
    rectifies: ClassVar[bool] = True

    beta: float = 1.0
    threshold: float = 20.0

    def __post_init__(self) -> None:
        checked.positive("beta", self.beta, 1)
        checked.not_negative("threshold", self.threshold, 20)

    def function(self, x: Array) -> Array:
        z = self.beta * x
        smooth = (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / self.beta
        return np.where(z > self.threshold, x, smooth)

    def derivative(self, x: Array) -> Array:
        z = self.beta * x
        return np.where(z > self.threshold, 1, logistic(z))
