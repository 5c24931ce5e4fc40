"""FC: every output is a weighted sum of all inputs.

    y[o] = Σ_i x[i] · weight[o,i] + bias[o]

The gradient, from the error e[o] = ∂L/∂y[o]:

* ∂L/∂weight[o,i] = e[o] · x[i], ∂L/∂bias[o] = e[o] (summed over the pictures of a batch);
* ∂L/∂x[i] = Σ_o e[o] · weight[o,i].

A dense layer is a convolution whose kernel covers its whole input, which is why it stands in
this folder: the same weights, reshaped, slide over a larger picture.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986, equations 1 and 4-7.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.array([[1.0, 2.0], [0.0, -1.0]]), "bias": np.array([0.5, 0.0])}
>>> Dense(2).forward(Call((np.array([[3.0, 4.0]]),), weights)).tolist()
[[11.5, -4.0]]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from striate.errors import ShapeError
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
from striate.graph.window import checked_sizes
from striate.ops.arrays import Array
from striate.ops.shaping.flatten import Flatten


@final
@dataclass(frozen=True)
class Dense(Operator):
    """A fully connected layer.

    Args:
        out_features: number of units.
        bias: whether one number per unit is added.

    Shapes: (units,) -> (out_features,); weight (out_features, units). A map is flattened first.
    """

    label: ClassVar[str] = "fc"

    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        checked_sizes("out_features", self.out_features)

    def before(self, *inputs: Spec) -> Operator | None:
        return Flatten() if inputs[0].rank > 1 else None

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank != 1:
            raise ShapeError(
                f"{{self}} needs a flat input, not {x}", remedy="Put FLATTEN in front."
            )
        return Spec((self.out_features,))

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        fans = inputs[0].size, self.out_features
        found = {"weight": Weight((self.out_features, inputs[0].size), *fans)}
        if self.bias:
            found["bias"] = Weight((self.out_features,), *fans, role="bias")
        return found

    def cost(self, *inputs: Spec) -> Cost:
        into, out = inputs[0].size, self.out_features
        return Cost(into * out, (into + self.bias) * out, out * self.bias)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        y: Array = call.x @ call.weights["weight"].T
        return y + call.weights["bias"] if self.bias else y

    def backward(self, call: Call, error: Array) -> Gradients:
        gradients = {"weight": error.T @ call.x}
        if self.bias:
            gradients["bias"] = error.sum(axis=0)
        return Gradients((error @ call.weights["weight"],), gradients)

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, o = index
        weight = call.weights["weight"]
        found = [
            Term(
                (
                    Factor(call.x[picture, i], refs=(Ref(0, (picture, i)),)),
                    Factor(weight[o, i], refs=(Ref("weight", (o, i)),)),
                )
            )
            for i in range(weight.shape[1])
        ]
        if self.bias:
            found.append(Term((Factor(call.weights["bias"][o], refs=(Ref("bias", (o,)),)),)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        weight = call.weights["weight"]
        if ref.source == "bias":
            return [Use((n, *ref.index), (Factor(1.0, "1"),)) for n in range(len(call.x))]
        if ref.source == "weight":
            o, i = ref.index
            return [
                Use((n, o), (Factor(call.x[n, i], refs=(Ref(0, (n, i)),)),))
                for n in range(len(call.x))
            ]
        picture, i = ref.index
        return [
            Use((picture, o), (Factor(weight[o, i], refs=(Ref("weight", (o, i)),)),))
            for o in range(len(weight))
        ]

    def formula(self, index: Index, *inputs: Spec) -> str:
        (o,) = index
        return f"Σ {{0}}[i] · weight[{o},i]" + (f" + bias[{o}]" if self.bias else "")

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        if ref.source == "bias":
            return f"{{self}}[{ref.index[0]}].grad"
        if ref.source == "weight":
            return f"{{self}}[{ref.index[0]}].grad · {{0}}[{ref.index[1]}]"
        return f"Σ {{self}}[o].grad · {{self}}.weight[o,{ref.index[0]}]"
