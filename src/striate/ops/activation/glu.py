"""GLU: the first half of an axis, each number let through as far as its gate in the second opens.

    y = a · σ(b)        for the halves a and b of x along the axis

    ∂L/∂a = e · σ(b)        ∂L/∂b = e · a · σ(b) · (1 - σ(b))

Source: Dauphin, Fan, Auli and Grangier, "Language Modeling with Gated Convolutional Networks",
ICML 2017, arXiv:1612.08083, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[8.0, 6.0, np.log(3.0), 0.0]]),))
>>> GLU().forward(call).round(12).tolist()
[[6.0, 3.0]]
>>> GLU().backward(call, np.array([[16.0, 2.0]])).inputs[0].round(12).tolist()
[[12.0, 1.0, 24.0, 3.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Routes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array
from striate.ops.axes import replaced


@final
@dataclass(frozen=True)
class GLU(Operator):
    """The gated linear unit.

    Args:
        axis: the name or number of the axis that is halved, the channels unless it is given.

    Shapes: the axis becomes half as long.
    """

    label: ClassVar[str] = "glu"

    axis: str | int = "channel"

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        axis = x.axis(self.axis)
        half, odd = divmod(x.shape[axis], 2)
        if odd:
            what = f"the {x.shape[axis]} positions of {x.axes[axis]} do not split into two halves"
            raise ShapeError(
                f"{what} for {{self}}", remedy=f"Give it {2 * half + 2}: numbers, then their gates."
            )
        return x.with_length(axis, half)

    def cost(self, *inputs: Spec) -> Cost:
        both = 2 * self.shape(*inputs).size
        at_one_place = inputs[0].axis(self.axis) == 0
        return Cost(connections=0 if at_one_place else both, other=both)

    def field(self, *inputs: Spec) -> Routes:
        (x,), half = inputs, self.shape(*inputs)
        axis = x.axis(self.axis)
        both = Along(axis, Window(2, dilation=half.shape[axis]))
        return Routes.straight(x.rank, {axis: both})

    def forward(self, call: Call) -> Array:
        a, b = self._halves(call)
        return a * logistic(b)

    def backward(self, call: Call, error: Array) -> Gradients:
        a, b = self._halves(call)
        gate = logistic(b)
        both = error * gate, error * a * gate * (1 - gate)
        return Gradients((np.concatenate(both, axis=self._dim(call)),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        number, gate = self._pair(call, index)
        return [Term((_number(call, number), _gate(call, gate)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        axis = self._dim(call)
        half = call.x.shape[axis] // 2
        goal = replaced(ref.index, axis, ref.index[axis] % half)
        number, gate = self._pair(call, goal)
        if ref.index == number:
            return [Use(goal, (_gate(call, gate),))]
        opening = logistic(call.x[gate]).item()
        slope = Factor(opening * (1 - opening), "σ'({0})", (Ref(0, gate),))
        return [Use(goal, (_number(call, number), slope))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        number, gate = self._places(index, *inputs)
        return f"{{0}}[{number}] · σ({{0}}[{gate}])"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        axis, half = inputs[0].axis(self.axis), self.shape(*inputs)
        goal = list(ref.index)
        goal[axis] %= half.shape[axis]
        number, gate = self._places(tuple(goal), *inputs)
        slope = f"σ({{0}}[{gate}])"
        if ref.index[axis] >= half.shape[axis]:
            slope = f"{{0}}[{number}] · σ'({{0}}[{gate}])"
        return f"{{self}}[{number}].grad · {slope}"

    def _dim(self, call: Call) -> int:
        """The axis of the arrays, which have the batch first."""
        return call.specs[0].axis(self.axis) + 1

    def _halves(self, call: Call) -> tuple[Array, Array]:
        a, b = np.split(call.x, 2, axis=self._dim(call))
        return a, b

    def _pair(self, call: Call, index: Index) -> tuple[Index, Index]:
        """The number and the gate of one output."""
        axis = self._dim(call)
        gate = index[axis] + call.x.shape[axis] // 2
        return index, replaced(index, axis, gate)

    def _places(self, index: Index, *inputs: Spec) -> tuple[str, str]:
        """The same, as they are written."""
        axis, gate = inputs[0].axis(self.axis), list(index)
        gate[axis] += self.shape(*inputs).shape[axis]
        return ",".join(map(str, index)), ",".join(map(str, gate))


def _number(call: Call, index: Index) -> Factor:
    return Factor(call.x[index].item(), refs=(Ref(0, index),))


def _gate(call: Call, index: Index) -> Factor:
    return Factor(logistic(call.x[index]).item(), "σ({0})", (Ref(0, index),))
