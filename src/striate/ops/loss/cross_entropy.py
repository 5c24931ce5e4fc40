"""CROSSENTROPY: how surprised the network is by the right class, from its scores.

    L = Σ_k q[k] · (log Σ_m exp(z[m]) - z[k])        q[k] = (1 - ε)·[k = t] + ε/K

for scores z, target class t and label smoothing ε; with ε = 0 this is -log softmax(z)[t]. In
place of a class the target may be shares q of classes, which need not sum to 1. Classes may weigh
differently, and a number such as 255 may say that nothing is to be compared: see
`striate.ops.loss.class_loss`; a map or sequence of scores is classified at every position:
see `striate.ops.loss.row_loss`. The sum of exponentials is computed from z - max z, which
does not overflow.

The gradient is the famous difference of what is said and what is so:

    ∂L/∂z[k] = softmax(z)[k] · Σ_m q[m] - q[k]

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.108-4.109;
smoothing from Szegedy et al., arXiv:1512.00567, section 7.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[0.0, np.log(3.0)]]),), target=np.array([1]))
>>> CrossEntropy().forward(call).round(6).tolist(), round(-float(np.log(3 / 4)), 6)
([0.287682], 0.287682)
>>> half = Call(call.inputs, target=np.array([[0.0, 0.5]]))
>>> CrossEntropy().forward(half).round(6).tolist()
[0.143841]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import final

import numpy as np

from striate.graph import Cost, Factor, Index, Ref, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array
from striate.ops.loss.class_loss import ClassLoss
from striate.ops.loss.row_loss import unless_one
from striate.ops.loss.target import Rows, score_names


@final
@dataclass(frozen=True)
class CrossEntropy(ClassLoss):
    """Softmax and cross-entropy in one.

    Args:
        smoothing: the share of the target spread over all classes, from 0 up to below 1.
        class_weights: how much each class weighs, 0 or more; None for 1 each.
        ignore_index: a number in place of a class where nothing is to be compared.

    Shapes: scores (classes, *positions), and class numbers (*positions) or shares of classes
    (classes, *positions) -> one number.
    """

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(own=NUMBER * inputs[0].size, batch=NUMBER)

    def losses(self, given: Rows) -> Array:
        a, z = self.coefficients(given), given.scores
        losses: Array = a.sum(axis=1) * _log_sum_exp(z) - (a * z).sum(axis=1)
        return losses

    def slopes(self, given: Rows) -> Array:
        a, z = self.coefficients(given), given.scores
        said = np.exp(z - _log_sum_exp(z)[:, None])
        slopes: Array = a.sum(axis=1, keepdims=True) * said - a
        return slopes

    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        a, z = self.coefficients(given)[row].tolist(), given.scores[row].tolist()
        found = [
            Term((Factor(-share, f"-{share:g}"), Factor(score, refs=(cell,))))
            for share, score, cell in zip(a, z, scores, strict=True)
            if share
        ]
        total = _log_sum_exp(given.scores[row : row + 1]).item()
        label = f"log Σ exp({score_names(len(scores))})"
        return [
            *found,
            Term((*unless_one(sum(a), given.scores.dtype), Factor(total, label, tuple(scores)))),
        ]

    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        a, z = self.coefficients(given)[row], given.scores[row : row + 1]
        k = score.index[1]
        said, total = np.exp(z[0, k] - _log_sum_exp(z)).item(), sum(a.tolist())
        times = "".join(f"{each.label} · " for each in unless_one(total, z.dtype))
        label = f"({times}softmax({{0}}) - {a[k]:g})"
        return (Factor(total * said - a[k].item(), label, (score,)),)

    def formula(self, index: Index, *inputs: Spec) -> str:
        if self.is_plain and prod(inputs[0].spatial) == 1:
            return "-{0}[target] + log Σ exp({0}[k])"
        return self.wanted_formula(*inputs)

    def wanted_formula(self, *inputs: Spec) -> str:
        return self.mean_formula(f"Σ {self.share} · (log Σ exp({{0}}[m]) - {{0}}[k])", inputs[0])

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        q = self.share.replace("[k]", "")
        slope = f"{{self}}.grad · (softmax({{0}})[{place}] · Σ {q} - {q})"
        return self.mean_gradient(slope, inputs[0])


def _log_sum_exp(z: Array) -> Array:
    top = z.max(axis=1, keepdims=True)
    total: Array = np.log(np.exp(z - top).sum(axis=1)) + top[:, 0]
    return total
