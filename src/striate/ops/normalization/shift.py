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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Spec,
    Term,
    Use,
    Weight,
)
from striate.ops.arrays import Array
from striate.ops.merging import branches
from striate.ops.normalization.spread_weight import number, spread_size, weight


@final
@dataclass(frozen=True)
class Shift(Operator):
    """An input plus a learned number.

    Args:
        size: the shape of the weight, each axis as long as the input's or 1; none for one number
            per channel.

    Shape: any, unchanged; weight of that size, at first zero everywhere.
    """

    label: ClassVar[str] = "shift"

    size: tuple[int, ...] | None = None

    def shape(self, *inputs: Spec) -> Spec:
        spread_size(self.size, inputs[0])
        return inputs[0]

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        size = spread_size(self.size, inputs[0])
        return {"weight": Weight(size, 1, 1, role="bias")}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        y: Array = call.x + call.weights["weight"]
        return y

    def backward(self, call: Call, error: Array) -> Gradients:
        own = branches.summed(error, call.weights["weight"][None]).sum(axis=0)
        return Gradients((error,), {"weight": own})

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [Term((number(call, index),)), Term((weight(call, index),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == 0:
            return [Use(ref.index, (Factor(1.0, "1"),))]
        goals = branches.places(call.weights["weight"].shape, call.x.shape[1:], ref.index)
        every = [(n, *goal) for goal in goals for n in range(len(call.x))]
        return [Use(goal, (Factor(1.0, "1"),)) for goal in every]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        at = branches.written(index, Spec(spread_size(self.size, inputs[0])))
        return f"{{0}}[{place}] + weight[{at}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        if ref.source == 0:
            return f"{{self}}[{place}].grad"
        return f"Σ {{self}}.grad where weight[{place}] stands"
