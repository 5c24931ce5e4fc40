"""RMSNORM: all units of a layer are divided by their root mean square, picture by picture.

    y = weight · x / √(mean(x²) + ε)

LAYERNORM without the mean taken away, and without a bias: only the size is normalized. The mean is
over all cells of one picture's value, or over the axes that are named, at each place of the others
(axis=last: over the features of each word or patch).

The gradient, with x̂ = x / √(mean(x²) + ε), g = e · weight and means over the same cells:
∂L/∂x = (g - x̂ · mean(g · x̂)) / √(mean(x²) + ε); ∂L/∂weight = Σ e · x̂
(derived in `standardized.py`).

Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, arXiv:1910.07467,
equation 4. ε is there for numbers that are all 0; its default is float32's own, as in PyTorch.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[1.0, 7.0]]),), {"weight": np.array([1.0, 3.0])})
>>> RMSNorm().forward(call).round(6).tolist()
[[0.2, 4.2]]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import ClassVar, final

from striate.graph import Saves, Spec
from striate.graph.saves import NUMBER
from striate.ops.normalization.over_axes import OverAxes


@final
@dataclass(frozen=True)
class RMSNorm(OverAxes):
    """Normalization by the root mean square.

    Args:
        axis: the name or number of the axis that is normalized, or several in one text ("row
            column"); none for all.
        affine: whether a weight is learned.
        epsilon: added to the mean square, above 0.

    Shape: any, unchanged; weight as long as the axes that are normalized.
    """

    label: ClassVar[str] = "rmsnorm"
    centers: ClassVar[bool] = False

    epsilon: float = field(default=2**-23, kw_only=True)

    def shape(self, *inputs: Spec) -> Spec:
        self.weighted(inputs[0])
        return inputs[0]

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        rows = x.size // prod(x.shape[k] for k in self.weighted(x))
        return Saves(inputs=True, each=NUMBER * self.affine, own=NUMBER * rows)
