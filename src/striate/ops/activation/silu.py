"""SILU: each number is weighted by its own sigmoid. Also called swish.

    y = x · σ(x)        y' = σ(x) + x · σ(x) · (1 - σ(x)) = σ(x) + y · (1 - σ(x))

Like ReLU far from zero on both sides, but smooth, and with a dip: its least value is -0.2785, at
x = -1.2785.

Source: Hendrycks and Gimpel, "Gaussian Error Linear Units (GELUs)", 2016, arXiv:1606.08415,
section 2; Elfwing, Uchibe and Doya, Neural Networks 107, 2018, arXiv:1702.03118, equations 8-9.

>>> import numpy as np
>>> SiLU().function(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
[-0.2689, 0.0, 0.7311]
>>> SiLU().derivative(np.array([0.0])).tolist()
[0.5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.ops.activation.elementwise import Elementwise
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class SiLU(Elementwise):
    """The sigmoid-weighted linear unit. Shape: any, unchanged."""

    label: ClassVar[str] = "silu"
    symbol: ClassVar[str] = "silu"
    rectifies: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return x * logistic(x)

    def derivative(self, x: Array) -> Array:
        share = logistic(x)
        return share + x * share * (1 - share)
