"""L2NORM: the numbers along an axis are divided by their length, so that it becomes 1.

    y = x / max(‖x‖, ε)        ‖x‖ = √(Σ x²)

Directions are kept, sizes forgotten: the scores of such features are cosines. A vector shorter than
ε is divided by ε.

The gradient: each number moves the length of its vector, ∂‖x‖/∂x_i = x_i / ‖x‖, hence

    ∂L/∂x_i = (e_i - y_i · Σ_j e_j · y_j) / ‖x‖        for ‖x‖ > ε, and e_i / ε below

Source: Wang, Xiang, Cheng and Yuille, "NormFace", ACM Multimedia 2017, arXiv:1704.06369, equations
4 and 5.

>>> import numpy as np
>>> from striate.graph import Call
>>> L2Norm().forward(Call((np.array([[3.0, 4.0]]),))).tolist()
[[0.6, 0.8]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import (
    OUTPUT,
    Call,
    Cost,
    Factor,
    Field,
    Gradients,
    Index,
    Operator,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
)
from striate.graph.saves import NUMBER
from striate.ops import axes, checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class L2Norm(Operator):
    """Division by the Euclidean length.

    Args:
        axis: the name or number of the axis along which vectors lie, the channels unless given.
        epsilon: the length that shorter vectors are taken to have, above 0.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "l2norm"

    axis: str | int = "channel"
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        checked.positive("epsilon", self.epsilon, 1e-12)

    def shape(self, *inputs: Spec) -> Spec:
        inputs[0].axis(self.axis)
        return inputs[0]

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def field(self, *inputs: Spec) -> Field:
        return axes.field_of(inputs[0], (inputs[0].axis(self.axis),))

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        return Saves(inputs=True, own=2 * NUMBER * x.size // x.shape[x.axis(self.axis)])

    def forward(self, call: Call) -> Array:
        y: Array = call.x / self._divisor(call)[0]
        return y

    def backward(self, call: Call, error: Array) -> Gradients:
        divisor, is_long = self._divisor(call)
        along = (error * call.y).sum(axis=self._dim(call), keepdims=True)
        return Gradients(((error - np.where(is_long, along, 0) * call.y) / divisor,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [
            Term((Factor(call.x[index].item(), refs=(Ref(0, index),)), self._inverse(call, index)))
        ]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        inverse, own = self._inverse(call, ref.index), call.y[ref.index].item()
        if not inverse.refs:
            return [Use(ref.index, (inverse,))]
        found = []
        for cell in self._vector(call, ref.index):
            same, share = int(cell == ref.index), call.y[cell].item()
            refs = (Ref(OUTPUT, ref.index), Ref(OUTPUT, cell))
            moved = Factor(same - own * share, f"({same} - {{0}} · {{1}})", refs)
            found.append(Use(cell, (moved, inverse)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        own, every = ",".join(map(str, index)), self._line_text(index, *inputs)
        return f"{{0}}[{own}] / max(√Σ {{0}}[{every}]², {self.epsilon:g})"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        own, every = ",".join(map(str, ref.index)), self._line_text(ref.index, *inputs)
        along = f"{{self}}[{own}] · Σ {{self}}[{every}].grad · {{self}}[{every}]"
        return f"({{self}}[{own}].grad - {along}) / √Σ {{0}}[{every}]²"

    def _line_text(self, index: Index, x: Spec) -> str:
        """An index without the batch, as it is written for every place on the axis."""
        return ",".join(axes.replaced(tuple(map(str, index)), x.axis(self.axis), "k"))

    def _dim(self, call: Call) -> int:
        """The axis of the arrays, which have the batch first."""
        return call.specs[0].axis(self.axis) + 1

    def _divisor(self, call: Call) -> tuple[Array, Array]:
        """What each vector is divided by, and whether that is its length."""
        length = np.sqrt((call.x * call.x).sum(axis=self._dim(call), keepdims=True))
        return np.maximum(length, length.dtype.type(self.epsilon)), length > self.epsilon

    def _vector(self, call: Call, index: Index) -> list[Index]:
        at = self._dim(call)
        return axes.line(index, at, call.x.shape[at])

    def _inverse(self, call: Call, index: Index) -> Factor:
        """1 over the length, of the numbers that make it; or over ε, of none."""
        cells = self._vector(call, index)
        length = float(np.sqrt(sum(call.x[cell].item() ** 2 for cell in cells)))
        if length <= self.epsilon:
            return Factor(1 / self.epsilon, f"1 / {self.epsilon:g}")
        names = "{0}²" if len(cells) == 1 else f"{{0}}² + … + {{{len(cells) - 1}}}²"
        return Factor(1 / length, f"1 / √({names})", tuple(Ref(0, cell) for cell in cells))
