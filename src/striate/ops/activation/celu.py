"""CELU: the exponential unit without a corner, whatever its depth.

    y = x for x > 0, else α·(exp(x/α) - 1)        y' = 1 for x > 0, else exp(x/α)

Source: Barron, "Continuously Differentiable Exponential Linear Units", arXiv:1704.07483,
equation 2.

>>> import numpy as np
>>> CELU(2.0).function(np.array([-2.0, 3.0])).round(6).tolist()
[-1.264241, 3.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves
from striate.graph.saves import MASK, NUMBER
from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class CELU(Elementwise):
    """The continuously differentiable exponential unit.

    Args:
        alpha: the depth it levels off at, above 0.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "celu"
    symbol: ClassVar[str] = "celu"
    rises: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(inputs=True, each=NUMBER + MASK)

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checked.positive("alpha", self.alpha, 1)

    def function(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0) / self.alpha))

    def derivative(self, x: Array) -> Array:
        return np.where(x > 0, 1, np.exp(np.minimum(x, 0) / self.alpha))
