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

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from striate.graph import (
    Call,
    Cost,
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
class Scale(Operator):
    """An input multiplied by a learned number.

    Args:
        size: the shape of the weight, each axis as long as the input's or 1; none for one number
            per channel.

    Shape: any, unchanged; weight of that size, at first one everywhere.
    """

    label: ClassVar[str] = "scale"

    size: tuple[int, ...] | None = None

    def shape(self, *inputs: Spec) -> Spec:
        spread_size(self.size, inputs[0])
        return inputs[0]

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        size = spread_size(self.size, inputs[0])
        return {"weight": Weight(size, 1, 1, role="gain")}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        y: Array = call.x * call.weights["weight"]
        return y

    def backward(self, call: Call, error: Array) -> Gradients:
        weight = call.weights["weight"]
        own = branches.summed(error * call.x, weight[None]).sum(axis=0)
        return Gradients((error * weight,), {"weight": own})

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [Term((number(call, index), weight(call, index)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == 0:
            return [Use(ref.index, (weight(call, ref.index),))]
        goals = branches.places(call.weights["weight"].shape, call.x.shape[1:], ref.index)
        every = [(n, *goal) for goal in goals for n in range(len(call.x))]
        return [Use(goal, (number(call, goal),)) for goal in every]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        at = branches.written(index, Spec(spread_size(self.size, inputs[0])))
        return f"{{0}}[{place}] · weight[{at}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        if ref.source == 0:
            at = branches.written(ref.index, Spec(spread_size(self.size, inputs[0])))
            return f"{{self}}[{place}].grad · {{self}}.weight[{at}]"
        return f"Σ {{self}}.grad · {{0}} where weight[{place}] stands"
