"""POW: each number to a fixed power.

    y = x^p        y' = p·x^(p - 1)

Numbers below zero have a real power only where p is whole.

Source: the power rule; as a learned pooling: Radenović, Tolias and Chum, "Fine-tuning CNN Image
Retrieval with No Human Annotation", TPAMI 2019, arXiv:1711.02512, equation 3.

>>> import numpy as np
>>> Power(3.0).function(np.array([-2.0, 3.0])).tolist()
[-8.0, 27.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Power(Elementwise):
    """A fixed power.

    Args:
        exponent: p; 3 is usual where it pools (Radenović et al.).

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "pow"
    symbol: ClassVar[str] = "pow"

    exponent: float = 3.0

    def __post_init__(self) -> None:
        checked.finite("exponent", self.exponent, 2)

    def function(self, x: Array) -> Array:
        return x ** x.dtype.type(self.exponent)

    def derivative(self, x: Array) -> Array:
        return self.exponent * x ** x.dtype.type(self.exponent - 1)
