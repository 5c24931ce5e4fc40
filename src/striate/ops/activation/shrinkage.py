"""What SOFTSHRINK and HARDSHRINK share: numbers near zero become zero, and pass no gradient.

y' = 1 for |x| > λ, else 0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@dataclass(frozen=True)
class Shrinkage(Elementwise):
    """A subclass says what becomes of the numbers that are further from zero."""

    rises: ClassVar[bool] = True

    threshold: float = 0.5

    def __post_init__(self) -> None:
        checked.not_negative("threshold", self.threshold, 0.5)

    @final
    def derivative(self, x: Array) -> Array:
        return (np.abs(x) > self.threshold).astype(x.dtype)
