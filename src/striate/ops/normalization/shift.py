"""SHIFT: every map plus a number that the network learns.

    y[c,i,j] = x[c,i,j] + weight[c]

The gradients: ∂L/∂x = e, and ∂L/∂weight[c] = Σ e[c,i,j] over the map and the pictures. Where
another size is given (a table of positions), an axis of length 1 of the weight is
spread over the input's.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, section 3.5 (a
table of positions added).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[3.0, 5.0]]),), {"weight": np.array([10.0, 100.0])})
>>> Shift().forward(call).tolist()
[[13.0, 105.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.graph import Factor, Ref, Saves, Spec, Term
from striate.ops.arrays import Array
from striate.ops.normalization.spread_weight import ONE, SpreadWeight


@final
@dataclass(frozen=True)
class Shift(SpreadWeight):
    """An input plus a learned number.

    Args:
        size: the shape of the weight, each axis as long as the input's or 1; none for one number
            per channel.

    Shape: any, unchanged; weight of that size, at first zero everywhere.
    """

    label: ClassVar[str] = "shift"
    role: ClassVar[str] = "bias"
    sign: ClassVar[str] = "+"
    saves: ClassVar[Saves] = Saves(hands_on=True)

    def merged(self, x: Array, weight: Array) -> Array:
        return x + weight

    def slopes(self, x: Array, weight: Array) -> tuple[float, float]:
        return 1.0, 1.0

    def summands(self, x: Factor, weight: Factor) -> list[Term]:
        return [Term((x,)), Term((weight,))]

    def factors(self, x: Factor, weight: Factor) -> tuple[Factor, Factor]:
        return ONE, ONE

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        if ref.source != 0:
            return f"Σ {{self}}.grad where weight[{place}] stands"
        return f"{{self}}[{place}].grad"
