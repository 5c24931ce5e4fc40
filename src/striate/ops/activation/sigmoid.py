"""SIGMOID: any number squashed between 0 and 1.

    y = σ(x) = 1 / (1 + e⁻ˣ)        y' = σ(x) · (1 - σ(x))

The derivative is at most 1/4, at x = 0: through ten layers of sigmoids a gradient shrinks by
4¹⁰, about a million, which is what made deep networks hard to train. For negative x the equal
form eˣ / (1 + eˣ) is used, which does not overflow.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986, equation 2.

>>> import numpy as np
>>> Sigmoid().function(np.array([-1000.0, 0.0, np.log(3.0)])).tolist()
[0.0, 0.5, 0.75]
>>> Sigmoid().derivative(np.array([0.0])).tolist()
[0.25]
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
class Sigmoid(Elementwise):
    """The logistic function. Shape: any, unchanged."""

    label: ClassVar[str] = "sigmoid"
    symbol: ClassVar[str] = "σ"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(output=True)

    def function(self, x: Array) -> Array:
        return logistic(x)

    def derivative(self, x: Array) -> Array:
        y = logistic(x)
        return y * (1 - y)


def logistic(x: Array) -> Array:
    """1 / (1 + e⁻ˣ) without overflow, in the float type of `x`."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))
