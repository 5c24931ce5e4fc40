"""LAYERNORM: all units of a layer are brought to mean 0 and variance 1, picture by picture.

    y = weight · (x - μ) / √(v + ε) + bias

μ and v are the mean and the (biased) variance over all cells of one picture's value
(over=all, each cell with its own weight and bias), or over the channels at each place of a map
(over=channels, each channel with its own, as in ConvNeXt). No picture depends on its batch, and
training is no different from what comes after.

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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np

from striate.errors import SettingError
from striate.graph import Index, Reach, Spec, Weight
from striate.ops.arrays import Array
from striate.ops.normalization.standardized import Standardized


@final
@dataclass(frozen=True)
class LayerNorm(Standardized):
    """Layer normalization.

    Args:
        over: all cells of a picture, or the channels at each place.
        epsilon: added to the variance, above 0.

    Shape: any, unchanged; weight and bias shaped as the input (all) or (channels,).
    """

    label: ClassVar[str] = "layernorm"
    normalizes: ClassVar[bool] = True

    over: Literal["all", "channels"] = "all"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.over not in ("all", "channels"):
            raise SettingError(
                f"layer normalization over {self.over!r}", remedy="Write over=all or over=channels."
            )

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        shape = inputs[0].shape if self.over == "all" else inputs[0].shape[:1]
        return {"weight": Weight(shape, 1, 1, "gain"), "bias": Weight(shape, 1, 1, "bias")}

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING if self.over == "all" else Reach.POINT

    def rows(self, x: Array) -> Array:
        if self.over == "all":
            return x.reshape(len(x), 1, -1)
        return np.moveaxis(x, 1, -1).reshape(len(x), -1, x.shape[1])

    def unrolled(self, rows: Array, like: Array) -> Array:
        if self.over == "all":
            return rows.reshape(like.shape)
        return np.moveaxis(rows.reshape(len(like), *like.shape[2:], -1), -1, 1)

    def company(self, index: Index, x: Array) -> list[Index]:
        picture, _, *place = index
        if self.over == "all":
            return [(picture, *cell) for cell in np.ndindex(*x.shape[1:])]
        return [(picture, c, *place) for c in range(x.shape[1])]
