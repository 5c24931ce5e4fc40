"""HINGE: every wrong class must score lower than the right one, by a margin.

    L = Σ_{k≠t} max(0, z[k] - z[t] + Δ)

for scores z, the right class t and the margin Δ. Once all wrong classes keep their distance the
loss is zero and nothing is learned: unlike cross-entropy it does not ask for more.

The gradient counts the classes that come too near: ∂L/∂z[k] = 1 for each of them, and
∂L/∂z[t] = -(their number).

Source: Weston and Watkins, "Support Vector Machines for Multi-Class Pattern Recognition", ESANN
1999, with linear instead of trained slacks; as in Stanford's course CS231n, linear
classification.

>>> import numpy as np
>>> from striate.graph import Call
>>> Hinge().forward(Call((np.array([[3.2, 5.1, -1.7]]),), target=np.array([0]))).round(6).tolist()
[2.9]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

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
from striate.ops import checked
from striate.ops.arrays import Array
from striate.ops.loss.target import class_numbers, class_scores


@final
@dataclass(frozen=True)
class Hinge(Operator):
    """The multi-class hinge loss of a linear support vector machine.

    Args:
        margin: how much higher the right class has to score; above 0.

    Shapes: scores (classes,) and a class index -> one number.
    """

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    margin: float = 1.0

    def __post_init__(self) -> None:
        checked.positive("margin", self.margin, 1.0)

    def shape(self, *inputs: Spec) -> Spec:
        return class_scores(inputs[0])

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        loss: Array = np.maximum(self._lack(call), 0).sum(axis=1)
        return loss

    def backward(self, call: Call, error: Array) -> Gradients:
        near = (self._lack(call) > 0).astype(call.x.dtype)
        near[np.arange(len(near)), class_numbers(call)] = -near.sum(axis=1)
        return Gradients((error[:, None] * near,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        (picture,) = index
        right = _score(call, (picture, int(class_numbers(call)[picture])))
        found = []
        for k in np.flatnonzero(self._lack(call)[picture] > 0):
            wrong = _score(call, (picture, int(k)))
            minus, margin = Factor(-1.0, "-1"), Factor(self.margin, f"{self.margin:g}")
            found += [Term((wrong,)), Term((minus, right)), Term((margin,))]
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, k = ref.index
        near = self._lack(call)[picture] > 0
        if k == class_numbers(call)[picture]:
            count = int(near.sum())
            return [Use((picture,), (Factor(-float(count), f"-{count} (classes too near)"),))]
        label = "1 (too near)" if near[k] else "0 (far enough)"
        return [Use((picture,), (Factor(float(near[k]), label),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"Σ max(0, {{0}}[k] - {{0}}[target] + {self.margin:g}) over k ≠ target"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        k = ref.index[0]
        near = f"{{0}}[{k}] > {{0}}[target] - {self.margin:g}"
        return f"{{self}}.grad · [{near}] (for the target: minus the number of such classes)"

    def _lack(self, call: Call) -> Array:
        """What wrong classes lack in distance, below zero where nothing; 0 for the right one."""
        rows, classes = np.arange(len(call.x)), class_numbers(call)
        lack = call.x - call.x[rows, classes][:, None] + self.margin
        lack[rows, classes] = 0
        return lack


def _score(call: Call, cell: Index) -> Factor:
    return Factor(call.x[cell].item(), refs=(Ref(0, cell),))
