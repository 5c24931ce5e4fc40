"""GROUPNORM: groups of channels are brought to mean 0 and variance 1, picture by picture.

    y = weight[c] · (x - μ) / √(v + ε) + bias[c]

μ and v are the mean and the (biased) variance over all cells of the C/G neighboring channels of a
group. One group of all channels normalizes the whole picture; as many groups as channels is
INSTANCENORM. Good where batches are too small for BN.

The gradient, with g = e · weight and means over the same cells:
∂L/∂x = (g - mean(g) - x̂ · mean(g · x̂)) / √(v + ε); ∂L/∂weight[c] = Σ e · x̂, ∂L/∂bias[c] = Σ e
(derived in `standardized.py`).

Source: Wu and He, "Group Normalization", ECCV 2018, arXiv:1803.08494, equations 1-2 and 7.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.ones(4), "bias": np.zeros(4)}
>>> call = Call((np.array([[1.0, 3.0, 10.0, 30.0]]),), weights)
>>> GroupNorm(2, epsilon=1e-12).forward(call).round(6).tolist()
[[-1.0, 1.0, -1.0, 1.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import Reach, Saves, Spec
from striate.graph.saves import NUMBER
from striate.ops import checked
from striate.ops.arrays import Array
from striate.ops.normalization.standardized import Standardized


@final
@dataclass(frozen=True)
class GroupNorm(Standardized):
    """Group normalization.

    Args:
        groups: how many groups the channels make; it divides them.
        affine: whether a weight and a bias are learned for each channel.
        epsilon: added to the variance, above 0.

    Shape: any, unchanged; weight and bias (channels,).
    """

    label: ClassVar[str] = "groupnorm"
    normalizes: ClassVar[bool] = True

    groups: int = 32

    def __post_init__(self) -> None:
        super().__post_init__()
        checked.count("groups", self.groups, 32)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.channels % self.groups:
            fits = [str(n) for n in range(1, x.channels + 1) if x.channels % n == 0]
            raise ShapeError(
                f"the {x.channels} channels of {{self}} do not split into {self.groups} groups",
                remedy=f"These do: {', '.join(fits)}.",
            )
        if x.size == self.groups:
            raise ShapeError(
                f"{{self}} has one number a group ({x} in {self.groups} groups): all become zero",
                remedy=f"Write fewer groups than {self.groups}.",
            )
        return x

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, own=2 * NUMBER * self.groups)

    def together(self, x: Spec) -> Array:
        return np.arange(x.size).reshape(self.groups, -1)

    def weighted(self, x: Spec) -> tuple[int, ...]:
        return (0,)
