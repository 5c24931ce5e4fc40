"""SQUAREDERROR: half the squared distance from what was wanted.

    L = ½ Σ_k (y[k] - t[k])²        ∂L/∂y[k] = y[k] - t[k]

for outputs y and wanted values t; a class number stands for 1 at the class and 0 elsewhere.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986, equation 3; Bouvrie, "Notes on Convolutional Neural Networks", 2006, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> SquaredError().forward(Call((np.array([[3.0, 1.0]]),), target=np.array([1]))).tolist()
[4.5]
"""

from __future__ import annotations

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
)
from striate.ops.arrays import Array
from striate.ops.loss.target import class_scores, one_hot


@final
@dataclass(frozen=True)
class SquaredError(Operator):
    """Half the sum of squares. Shapes: (units,) and a class or wanted values -> one number."""

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        return class_scores(inputs[0])

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        loss: Array = ((call.x - one_hot(call)) ** 2).sum(axis=1) / 2
        return loss

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error[:, None] * (call.x - one_hot(call)),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cells = [(*index, k) for k in range(call.x.shape[1])]
        distances = [_distance(call, cell) for cell in cells]
        return [Term((Factor(0.5, "1/2"), distance, distance)) for distance in distances]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use(ref.index[:1], (_distance(call, ref.index),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return "1/2 · Σ ({0}[k] - target[k])²"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}.grad · ({{0}}[{ref.index[0]}] - target[{ref.index[0]}])"


def _distance(call: Call, cell: Index) -> Factor:
    wanted = one_hot(call)[cell].item()
    return Factor(call.x[cell].item() - wanted, f"({{0}} - {wanted:g})", (Ref(0, cell),))
