"""LAYERNORM: all units of a layer are brought to mean 0 and variance 1, picture by picture.

    y = weight · (x - μ) / √(v + ε) + bias

μ and v are the mean and the (biased) variance over all cells of one picture's value, or over the
axes that are named, at each place of the others: over the features of each word or patch
(axis=last), over the channels at each place of a map (axis=channel, as in ConvNeXt), over several
axes (axis="row column"). Each cell along those axes has its own weight and bias. No picture depends
on its batch, and training is no different from what comes after.

The gradient, with g = e · weight and means over the same cells:
∂L/∂x = (g - mean(g) - x̂ · mean(g · x̂)) / √(v + ε); ∂L/∂weight = Σ e · x̂, ∂L/∂bias = Σ e
(derived in `standardized.py`).

Source: Ba, Kiros and Hinton, "Layer Normalization", 2016, arXiv:1607.06450, equation 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.array([1.0, 1.0, 2.0]), "bias": np.array([0.0, 0.0, 5.0])}
>>> call = Call((np.array([[1.0, 4.0, 7.0]]),), weights)
>>> LayerNorm(epsilon=3.0).forward(call).tolist()
[[-1.0, 0.0, 7.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

from striate.graph import Saves, Spec
from striate.graph.saves import NUMBER
from striate.ops.normalization.over_axes import OverAxes


@final
@dataclass(frozen=True)
class LayerNorm(OverAxes):
    """Layer normalization.

    Args:
        axis: the name or number of the axis that is normalized, or several in one text ("row
            column"); none for all.
        affine: whether a weight and a bias are learned.
        epsilon: added to the variance, above 0.

    Shape: any, unchanged; weight and bias as long as the axes that are normalized.
    """

    label: ClassVar[str] = "layernorm"
    normalizes: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        self.weighted(inputs[0])
        return inputs[0]

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        rows = x.size // prod(x.shape[k] for k in self.weighted(x))
        return Saves(inputs=True, own=2 * NUMBER * rows)
