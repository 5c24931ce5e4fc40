"""MISH: a smooth rectifier that dips below zero.

    y = x·tanh(softplus(x))        y' = t + x·(1 - t²)·σ(x)        t = tanh(log(1 + exp(x)))

Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC 2020,
arXiv:1908.08681, equation 1.

>>> import numpy as np
>>> Mish().function(np.array([-1.0, 0.0, 1.0])).round(6).tolist()
[-0.303401, 0.0, 0.865098]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Mish(Elementwise):
    """The smooth rectifier with a dip. Shape: any, unchanged."""

    label: ClassVar[str] = "mish"
    symbol: ClassVar[str] = "mish"
    rectifies: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return x * _gate(x)

    def derivative(self, x: Array) -> Array:
        t = _gate(x)
        return t + x * (1 - t**2) * logistic(x)


def _gate(x: Array) -> Array:
    return np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))
