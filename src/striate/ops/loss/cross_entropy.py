"""CROSSENTROPY: how surprised the network is by the right class, from its scores.

    L = Σ_k q_k · (-z_k) + log Σ_k exp(z_k)        q = (1 - ε)·[k = t] + ε/K

for scores z, target class t and label smoothing ε; with ε = 0 this is -log softmax(z)[t].
The sum of exponentials is computed from z - max z, which does not overflow.

The gradient is the famous difference of what is said and what is so:

    ∂L/∂z_k = softmax(z)_k - q_k

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.108-4.109;
smoothing from Szegedy et al., arXiv:1512.00567, section 7.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[0.0, np.log(3.0)]]),), target=np.array([1]))
>>> CrossEntropy().forward(call).round(6).tolist(), round(-float(np.log(3 / 4)), 6)
([0.287682], 0.287682)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
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
from striate.ops.loss.target import class_scores, one_hot, score_names


@final
@dataclass(frozen=True)
class CrossEntropy(Operator):
    """Softmax and cross-entropy in one.

    Args:
        smoothing: the share of the target spread over all classes, from 0 up to below 1.

    Shapes: scores (classes,) and a class index, or probabilities (classes,) -> one number.
    """

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1:
            raise SettingError(
                f"label smoothing is {self.smoothing}", remedy="It is a share: 0 or more, below 1."
            )

    def shape(self, *inputs: Spec) -> Spec:
        return class_scores(inputs[0])

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        loss: Array = _log_sum_exp(call.x) - (self._wanted(call) * call.x).sum(axis=1)
        return loss

    def backward(self, call: Call, error: Array) -> Gradients:
        said = np.exp(call.x - _log_sum_exp(call.x)[:, None])
        return Gradients((error[:, None] * (said - self._wanted(call)),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        (picture,) = index
        cells = [Ref(0, (picture, k)) for k in range(call.x.shape[1])]
        found = [
            Term((Factor(-wanted, f"-{wanted:g}"), Factor(call.x[cell.index], refs=(cell,))))
            for cell, wanted in zip(cells, self._wanted(call)[picture].tolist(), strict=True)
            if wanted
        ]
        total = _log_sum_exp(call.x[picture : picture + 1]).item()
        label = f"log Σ exp({score_names(len(cells))})"
        return [*found, Term((Factor(total, label, tuple(cells)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, _ = ref.index
        row = call.x[picture : picture + 1]
        said = np.exp(call.x[ref.index] - _log_sum_exp(row)).item()
        wanted = self._wanted(call)[ref.index].item()
        label = f"(softmax({{0}}) - {wanted:g})"
        return [Use((picture,), (Factor(said - wanted, label, (ref,)),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        wanted = "Σ -q[k] · {0}[k]" if self.smoothing else "-{0}[target]"
        return f"{wanted} + log Σ exp({{0}}[k])"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}.grad · (softmax({{0}})[{ref.index[0]}] - q[{ref.index[0]}])"

    def _wanted(self, call: Call) -> Array:
        classes = call.x.shape[1]
        hot = one_hot(call)
        return (1 - self.smoothing) * hot + self.smoothing / classes


def _log_sum_exp(z: Array) -> Array:
    top = z.max(axis=1, keepdims=True)
    total: Array = np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]
    return total
