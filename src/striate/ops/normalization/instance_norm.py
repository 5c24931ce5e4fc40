"""INSTANCENORM: each channel of each picture is brought to mean 0 and variance 1.

    y = (x - μ) / √(v + ε)        and, with affine=yes, weight[c] · y + bias[c]

μ and v are the mean and the (biased) variance over the cells of one channel of one picture: its
contrast goes, its pattern stays. As PyTorch's, it learns nothing unless asked, and keeps no
statistics: training is no different from what comes after.

The gradient, with g = e · weight and means over the same cells:
∂L/∂x = (g - mean(g) - x̂ · mean(g · x̂)) / √(v + ε); ∂L/∂weight[c] = Σ e · x̂, ∂L/∂bias[c] = Σ e
(derived in `standardized.py`).

Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast
Stylization", 2016, arXiv:1607.08022, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[[1.0, 3.0], [10.0, 30.0]]]),))
>>> InstanceNorm(epsilon=1e-12).forward(call).round(6).tolist()
[[[-1.0, 1.0], [-1.0, 1.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar, final

from striate.errors import ShapeError
from striate.graph import Field, Saves, Spec
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array
from striate.ops.axes import field_of
from striate.ops.normalization.over_axes import rows
from striate.ops.normalization.standardized import Standardized


@final
@dataclass(frozen=True)
class InstanceNorm(Standardized):
    """Instance normalization.

    Args:
        affine: whether a weight and a bias are learned for each channel.
        epsilon: added to the variance, above 0.

    Shape: any with spatial axes, unchanged; weight and bias (channels,).
    """

    label: ClassVar[str] = "instancenorm"
    normalizes: ClassVar[bool] = True

    affine: bool = field(default=False, kw_only=True)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if not x.spatial or prod(x.spatial) == 1:
            raise ShapeError(
                f"{{self}} has one number a channel ({x}): all become zero",
                remedy="Put it where maps are larger, or write LAYERNORM.",
            )
        return x

    def field(self, *inputs: Spec) -> Field:
        return field_of(inputs[0], _spatial(inputs[0]))

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, own=(2 + self.affine) * NUMBER * inputs[0].channels)

    def together(self, x: Spec) -> Array:
        return rows(x, _spatial(x))

    def weighted(self, x: Spec) -> tuple[int, ...]:
        return (0,)


def _spatial(x: Spec) -> tuple[int, ...]:
    return tuple(range(1, x.rank))
