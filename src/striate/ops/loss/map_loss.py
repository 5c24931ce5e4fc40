"""MAPLOSS: the right class's penalty small, all others' large, as far as it matters.

    L = y[t] + log(e⁻ʲ + Σ_k e^(-y[k]))

for penalties y (distances, as RBF units give them), the right class t and a constant j. The
first term pulls the right penalty down; the second pushes the others up, in proportion to how
likely each makes its class. j is the penalty of one more class, rubbish: classes whose penalty
is far above it are left alone, and the network cannot shrink everything to one point.

It is a cross-entropy, Σ_k q[k] · -log p[k], with p[k] = e^(-y[k]) / (e⁻ʲ + Σ_m e^(-y[m])) and all
of q at the right class; the target may also be shares q of classes. The gradient:

    ∂L/∂y[k] = q[k] - p[k] · Σ_m q[m]

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, equation 9 (maximum a posteriori).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[0.0, np.log(4.0)]]),), target=np.array([1]))
>>> MapLoss(j=0.0).forward(call).round(6).tolist(), round(float(np.log(4) + np.log(2.25)), 6)
([2.197225], 2.197225)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, prod
from typing import final

import numpy as np

from striate.errors import SettingError
from striate.graph import Cost, Factor, Index, Ref, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array
from striate.ops.loss.class_loss import check_smoothing
from striate.ops.loss.row_loss import RowLoss, over_places, per_place, unless_one
from striate.ops.loss.target import Rows, score_names


@final
@dataclass(frozen=True)
class MapLoss(RowLoss):
    """LeNet-5's discriminative loss over penalties.

    Args:
        j: the penalty of the rubbish class.
        smoothing: the share of the target spread over all classes (but rubbish).

    Shapes: penalties (classes, *positions), and class numbers (*positions) or shares of classes
    (classes, *positions) -> one number.
    """

    j: float = 1.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not isfinite(self.j):
            raise SettingError(f"j is {self.j}", remedy="It is a penalty: a number, such as 1.")
        check_smoothing(self.smoothing)

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(own=2 * NUMBER * (inputs[0].size + prod(inputs[0].spatial)))

    def losses(self, given: Rows) -> Array:
        q = self._wanted(given)
        losses: Array = (q * given.scores).sum(axis=1) + q.sum(axis=1) * self._log_total(given)
        return losses

    def slopes(self, given: Rows) -> Array:
        q = self._wanted(given)
        likely = np.exp(-given.scores - self._log_total(given)[:, None])
        slopes: Array = q - q.sum(axis=1, keepdims=True) * likely
        return slopes

    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        q, penalties = self._wanted(given)[row].tolist(), given.scores[row].tolist()
        found = [
            Term((Factor(wanted, f"{wanted:g}"), Factor(penalty, refs=(cell,))))
            for wanted, penalty, cell in zip(q, penalties, scores, strict=True)
            if wanted
        ]
        label = f"log(exp(-{self.j:g}) + Σ exp(-({score_names(len(scores))})))"
        total = Factor(self._log_total(given)[row].item(), label, tuple(scores))
        return [*found, Term((*unless_one(sum(q), given.scores.dtype), total))]

    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        k, q = score.index[1], self._wanted(given)[row]
        likely = np.exp(-given.scores[row, k] - self._log_total(given)[row]).item()
        wanted, total = q[k].item(), sum(q.tolist())
        times = "".join(f"{each.label} · " for each in unless_one(total, q.dtype))
        return (Factor(wanted - total * likely, f"({wanted:g} - {times}p[{k}])", (score,)),)

    def formula(self, index: Index, *inputs: Spec) -> str:
        if prod(inputs[0].spatial) == 1 and not self.smoothing:
            return f"{{0}}[target] + log(exp(-{self.j:g}) + Σ exp(-{{0}}[k]))"
        return self.wanted_formula(*inputs)

    def wanted_formula(self, *inputs: Spec) -> str:
        total = f"log(exp(-{self.j:g}) + Σ exp(-{{0}}[m]))"
        return over_places(f"Σ q[k] · ({{0}}[k] + {total})", inputs[0])

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        total = f"(exp(-{self.j:g}) + Σ exp(-{{0}}[m]))"
        slope = f"{{self}}.grad · (q[{place}] - Σ q · exp(-{{0}}[{place}]) / {total})"
        return per_place(slope, inputs[0])

    def _wanted(self, given: Rows) -> Array:
        return given.smoothed(self.smoothing, 1 / given.scores.shape[1])

    def _log_total(self, given: Rows) -> Array:
        """log(e⁻ʲ + Σ e^(-y)), one number per row."""
        y = given.scores
        least = np.minimum(y.min(axis=1), self.j)
        powers = np.exp(least[:, None] - y).sum(axis=1) + np.exp(least - self.j)
        return np.log(powers) - least
