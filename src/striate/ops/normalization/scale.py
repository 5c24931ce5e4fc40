"""SCALE: every map times a number that the network learns.

    y[c,i,j] = weight[c] · x[c,i,j]

The gradients: ∂L/∂x = e · weight, and ∂L/∂weight[c] = Σ e[c,i,j] · x[c,i,j] over the map and the
pictures. Where another size is given, an axis of length 1 of the weight is spread over
the input's.

Source: Touvron et al., "Going deeper with Image Transformers", ICCV 2021, arXiv:2103.17239,
section 2 (LayerScale).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[3.0, 5.0]]),), {"weight": np.array([10.0, 100.0])})
>>> Scale().forward(call).tolist()
[[30.0, 500.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.graph import Factor, Ref, Spec, Term
from striate.ops import broadcast
from striate.ops.arrays import Array
from striate.ops.normalization.spread_weight import SpreadWeight


@final
@dataclass(frozen=True)
class Scale(SpreadWeight):
    """An input multiplied by a learned number.

    Args:
        size: the shape of the weight, each axis as long as the input's or 1; none for one number
            per channel.

    Shape: any, unchanged; weight of that size, at first one everywhere.
    """

    label: ClassVar[str] = "scale"
    role: ClassVar[str] = "gain"
    sign: ClassVar[str] = "·"

    def merged(self, x: Array, weight: Array) -> Array:
        return x * weight

    def slopes(self, x: Array, weight: Array) -> tuple[Array, Array]:
        return weight, x

    def summands(self, x: Factor, weight: Factor) -> list[Term]:
        return [Term((x, weight))]

    def factors(self, x: Factor, weight: Factor) -> tuple[Factor, Factor]:
        return weight, x

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        if ref.source != 0:
            return f"Σ {{self}}.grad · {{0}} where weight[{place}] stands"
        at = broadcast.written(ref.index, Spec(self.spread(inputs[0])))
        return f"{{self}}[{place}].grad · {{self}}.weight[{at}]"
