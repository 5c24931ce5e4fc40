"""SQUARE: each number times itself.

    y = x²        y' = 2·x

Source: the power rule; as a nonlinearity: So et al., "Primer", NeurIPS 2021, arXiv:2109.08668.

>>> import numpy as np
>>> Square().function(np.array([-2.0, 0.5])).round(6).tolist()
[4.0, 0.25]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Square(Elementwise):
    """Each number times itself. Shape: any, unchanged."""

    label: ClassVar[str] = "square"
    symbol: ClassVar[str] = "square"
    rectifies: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return x * x

    def derivative(self, x: Array) -> Array:
        return 2 * x
