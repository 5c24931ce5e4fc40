"""SELU: an exponential unit scaled so that deep networks keep mean 0 and variance 1.

    y = γ·x for x > 0, else γ·α·(exp(x) - 1)        y' = γ for x > 0, else γ·α·exp(x)

with α = 1.6732… and γ = 1.0507…, for which a standard normal input comes out standardized.

Source: Klambauer, Unterthiner, Mayr and Hochreiter, "Self-Normalizing Neural Networks",
NeurIPS 2017, arXiv:1706.02515, equation 2, where γ is λ.

>>> import numpy as np
>>> SELU().function(np.array([-1.0, 0.0, 1.0])).round(6).tolist()
[-1.111331, 0.0, 1.050701]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array

ALPHA = 1.6732632423543772848170429916717
GAMMA = 1.0507009873554804934193349852946
"""The fixed point of mean 0 and variance 1, as the paper and PyTorch have it."""


@final
@dataclass(frozen=True)
class SELU(Elementwise):
    """The scaled exponential unit.

    Args:
        alpha: the depth it would level off at without gamma, above 0.
        gamma: what all of it is multiplied by, above 0.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "selu"
    symbol: ClassVar[str] = "selu"
    rises: ClassVar[bool] = True

    alpha: float = ALPHA
    gamma: float = GAMMA

    def __post_init__(self) -> None:
        checked.positive("alpha", self.alpha, ALPHA)
        checked.positive("gamma", self.gamma, GAMMA)

    def function(self, x: Array) -> Array:
        return self.gamma * np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def derivative(self, x: Array) -> Array:
        return self.gamma * np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))
