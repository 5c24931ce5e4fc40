"""FC: every output is a weighted sum of all inputs, or of all numbers along one axis.

    y[o] = Σ_i x[i] · weight[o,i] + bias[o]

Without an axis the inputs are the whole value, flat. With one they are the numbers along it, at
every place of the other axes, and each place is multiplied by the same weight:

    y[t,o] = Σ_i x[t,i] · weight[o,i] + bias[o]        (axis=last, as of each word or patch t)

The gradient, from the error e[o] = ∂L/∂y[o]:

* ∂L/∂weight[o,i] = e[o] · x[i], ∂L/∂bias[o] = e[o] (summed over pictures and places);
* ∂L/∂x[i] = Σ_o e[o] · weight[o,i].

A dense layer is a convolution whose kernel covers its whole input, which is why it stands in
this folder: the same weights, reshaped, slide over a larger picture. Along the channels it is a
convolution with a 1x1 kernel.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986, equations 1 and 4-7; Vaswani et al., "Attention Is All You Need", NeurIPS 2017,
arXiv:1706.03762, section 3.3 (at every position).

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.array([[1.0, 2.0], [0.0, -1.0]]), "bias": np.array([0.5, 0.0])}
>>> Dense(2).forward(Call((np.array([[3.0, 4.0]]),), weights)).tolist()
[[11.5, -4.0]]
>>> Dense(2, axis="last").forward(Call((np.array([[[3.0, 4.0], [1.0, 0.0]]]),), weights)).tolist()
[[[11.5, -4.0], [1.5, 0.0]]]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Field,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Routes,
    Saves,
    Spec,
    Term,
    Use,
    Weight,
)
from striate.graph.field import POSITION
from striate.graph.saves import NUMBER
from striate.graph.window import checked_sizes
from striate.ops import axes
from striate.ops.arrays import Array
from striate.ops.shaping.flatten import Flatten


@final
@dataclass(frozen=True)
class Dense(Operator):
    """A fully connected layer.

    Args:
        out_features: number of units.
        bias: whether one number per unit is added.
        axis: the name or number of the axis it works along, at every place of the others; none
            for the whole value. A map is flattened then.

    Shapes: (units,) -> (out_features,), or (*before, units, *after) -> (*before, out_features,
    *after); weight (out_features, units).
    """

    label: ClassVar[str] = "fc"

    out_features: int
    bias: bool = True
    axis: str | int | None = None

    def __post_init__(self) -> None:
        checked_sizes("out_features", self.out_features)

    def before(self, *inputs: Spec) -> Operator | None:
        return Flatten() if inputs[0].rank > 1 and self.axis is None else None

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank != 1 and self.axis is None:
            raise ShapeError(
                f"{{self}} needs a flat input, not {x}",
                remedy="Put FLATTEN in front, or name the axis: axis=last.",
            )
        return x.with_length(self.along(x), self.out_features)

    def along(self, x: Spec) -> int:
        """The number of the axis that it works along.

        Raises:
            ShapeError: there is no such axis.
        """
        return x.axis(0 if self.axis is None else self.axis)

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        units = inputs[0].shape[self.along(inputs[0])]
        fans = units, self.out_features
        found = {"weight": Weight((self.out_features, units), *fans)}
        if self.bias:
            found["bias"] = Weight((self.out_features,), *fans, role="bias")
        return found

    def cost(self, *inputs: Spec) -> Cost:
        (x,) = inputs
        units, outputs = x.shape[self.along(x)], self.shape(x).size
        return Cost(units * outputs, (units + self.bias) * outputs, outputs * self.bias)

    def field(self, *inputs: Spec) -> Field:
        (x,) = inputs
        at = self.along(x)
        if x.rank == 1:
            return Reach.EVERYTHING
        if at == 0:
            return (POSITION,) * len(x.spatial)
        return Routes.straight(x.rank, {at: None})

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        at = self.along(x)
        in_place = at == x.rank - 1 or x.shape[at] == 1 or prod(x.shape[at + 1 :]) == 1
        return Saves(inputs=in_place, own=0 if in_place else NUMBER * x.size)

    def forward(self, call: Call) -> Array:
        y: Array = self._last(call, call.x) @ call.weights["weight"].T
        return np.moveaxis(y + call.weights["bias"] if self.bias else y, -1, self._dim(call))

    def backward(self, call: Call, error: Array) -> Gradients:
        weight, back = call.weights["weight"], self._last(call, error)
        rows, x = back.reshape(-1, len(weight)), self._last(call, call.x)
        gradients = {"weight": rows.T @ x.reshape(-1, weight.shape[1])}
        if self.bias:
            gradients["bias"] = rows.sum(axis=0)
        return Gradients((np.moveaxis(back @ weight, -1, self._dim(call)),), gradients)

    def terms(self, call: Call, index: Index) -> list[Term]:
        weight, o = call.weights["weight"], index[self._dim(call)]
        found = [
            Term((_factor(call.x, 0, cell), _factor(weight, "weight", (o, i))))
            for i, cell in enumerate(self._row(call, index, weight.shape[1]))
        ]
        if self.bias:
            found.append(Term((_factor(call.weights["bias"], "bias", (o,)),)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        weight = call.weights["weight"]
        if ref.source == 0:
            i, goals = ref.index[self._dim(call)], self._row(call, ref.index, len(weight))
            return [Use(goal, (_factor(weight, "weight", (o, i)),)) for o, goal in enumerate(goals)]
        o, *given = ref.index
        goals, read = self._places(call, o), self._places(call, *given)
        if ref.source == "bias":
            return [Use(goal, (Factor(1.0, "1"),)) for goal in goals]
        pairs = zip(goals, read, strict=True)
        return [Use(goal, (_factor(call.x, 0, cell),)) for goal, cell in pairs]

    def formula(self, index: Index, *inputs: Spec) -> str:
        at = self.along(*inputs)
        read = _written(axes.replaced(index, at, "i"))
        o = index[at]
        return f"Σ {{0}}[{read}] · weight[{o},i]" + (f" + bias[{o}]" if self.bias else "")

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        (x,), at = inputs, self.along(*inputs)
        if ref.source == 0:
            goal = _written(axes.replaced(ref.index, at, "o"))
            return f"Σ {{self}}[{goal}].grad · {{self}}.weight[o,{ref.index[at]}]"
        before, after = "jklm"[:at], "jklm"[at : x.rank - 1]
        places = [_written((*before, n, *after)) for n in ref.index]
        total = "Σ " if x.rank > 1 else ""
        found = f"{total}{{self}}[{places[0]}].grad"
        return found if ref.source == "bias" else f"{found} · {{0}}[{places[1]}]"

    def _dim(self, call: Call) -> int:
        """The axis of the arrays, which have the batch first."""
        return self.along(call.specs[0]) + 1

    def _last(self, call: Call, values: Array) -> Array:
        """`values` with the axis behind all others."""
        return np.moveaxis(values, self._dim(call), -1)

    def _row(self, call: Call, index: Index, length: int) -> list[Index]:
        """The indices along the axis through `index`."""
        return axes.line(index, self._dim(call), length)

    def _places(self, call: Call, *position: int) -> list[Index]:
        """Every index whose position along the axis is the one given; none where none is."""
        at, shape = self._dim(call), call.x.shape
        others = np.ndindex(*shape[:at], *shape[at + 1 :])
        return [(*each[:at], *position, *each[at:]) for each in others]


def _factor(values: Array, source: int | str, index: Index) -> Factor:
    return Factor(values[index].item(), refs=(Ref(source, index),))


def _written(index: tuple[int | str, ...]) -> str:
    return ",".join(map(str, index))
