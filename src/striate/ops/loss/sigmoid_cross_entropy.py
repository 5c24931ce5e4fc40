"""SIGMOIDCROSSENTROPY: each score by itself answers yes or no.

    L = Σ_k c[k] · (-v[k] · q[k] · log σ(z[k]) - (1 - q[k]) · log(1 - σ(z[k])))
      = Σ_k c[k] · (-v[k] · q[k] · z[k] + (1 + (v[k] - 1) · q[k]) · log(1 + exp(z[k])))

for scores z and wanted answers q between 0 and 1; a class number stands for 1 at the class and 0
elsewhere. Several classes may be right at once, or none. With one score this is logistic
regression. v weighs the yes of a score against its no, as where yes is rare, and c the score; both
are 1 unless given. Smoothing ε turns q into (1 - ε) · q + ε/2. log(1 + eᶻ) is computed as
max(z, 0) + log(1 + e^-|z|), which does not overflow. Over a map or sequence, L is the mean of its
positions.

The gradient is the difference of what is said and what is so:

    ∂L/∂z[k] = c[k] · ((1 + (v[k] - 1) · q[k]) · σ(z[k]) - v[k] · q[k])

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.90-4.91; weights as
in PyTorch's BCEWithLogitsLoss.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[0.0, np.log(3.0)]]),), target=np.array([[1.0, 1.0]]))
>>> SigmoidCrossEntropy().forward(call).round(6).tolist(), round(float(-np.log(1/2 * 3/4)), 6)
([0.980829], 0.980829)
>>> SigmoidCrossEntropy(pos_weight=(3.0, 1.0)).forward(call).round(6).tolist()
[2.367124]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from striate.graph import Cost, Factor, Index, Ref, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array
from striate.ops.loss.class_loss import check_smoothing, check_weights
from striate.ops.loss.row_loss import RowLoss, over_places, per_place, unless_one
from striate.ops.loss.target import Rows


@final
@dataclass(frozen=True)
class SigmoidCrossEntropy(RowLoss):
    """Sigmoid and cross-entropy in one, summed over the scores.

    Args:
        smoothing: how far the wanted answers are drawn to 1/2, from 0 up to below 1.
        pos_weight: what the yes of each score weighs; one number may stand for all.
        class_weights: what each score weighs; one number per score, or None.

    Shapes: scores (units, *positions), and class numbers (*positions) or wanted answers
    (units, *positions) -> one number.
    """

    smoothing: float = 0.0
    pos_weight: tuple[float, ...] | None = None
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing)
        check_weights("pos_weight is", self.pos_weight)
        check_weights("class weights are", self.class_weights)

    def per_class(self) -> dict[str, tuple[float, ...] | None]:
        for_all = self.pos_weight is None or len(self.pos_weight) == 1
        own = None if for_all else self.pos_weight
        return {"numbers in pos_weight": own, "class weights": self.class_weights}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=4 * inputs[0].size)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, own=NUMBER * inputs[0].size)

    def losses(self, given: Rows) -> Array:
        yes, both = self._coefficients(given)
        losses: Array = (both * _softplus(given.scores) - yes * given.scores).sum(axis=1)
        return losses

    def slopes(self, given: Rows) -> Array:
        yes, both = self._coefficients(given)
        return both * logistic(given.scores) - yes

    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        yes, both = (each[row].tolist() for each in self._coefficients(given))
        found = []
        for k, cell in enumerate(scores):
            z = given.scores[row, k].item()
            if yes[k]:
                found.append(Term((Factor(-yes[k], f"-{yes[k]:g}"), Factor(z, refs=(cell,)))))
            total = Factor(_softplus(np.array(z)).item(), "softplus({0})", (cell,))
            found.append(Term((*unless_one(both[k], given.scores.dtype), total)))
        return found

    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        k = score.index[1]
        yes, both = (each[row, k].item() for each in self._coefficients(given))
        said = logistic(np.array(given.scores[row, k].item())).item()
        times = "".join(f"{each.label} · " for each in unless_one(both, given.scores.dtype))
        return (Factor(both * said - yes, f"({times}σ({{0}}) - {yes:g})", (score,)),)

    def formula(self, index: Index, *inputs: Spec) -> str:
        yes = "-q[k] · {0}[k]" if self.pos_weight is None else "-v[k] · q[k] · {0}[k]"
        both = "" if self.pos_weight is None else "(1 + (v[k] - 1) · q[k]) · "
        weight = "Σ" if self.class_weights is None else "Σ c[k] ·"
        return over_places(f"{weight} ({yes} + {both}log(1 + exp({{0}}[k])))", inputs[0])

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        if self.pos_weight is None and self.class_weights is None:
            return per_place(f"{{self}}.grad · (σ({{0}}[{place}]) - q[{place}])", inputs[0])
        yes = f"v[{ref.index[0]}] · q[{place}]"
        both = f"(1 + (v[{ref.index[0]}] - 1) · q[{place}])"
        slope = f"{{self}}.grad · c[{ref.index[0]}] · ({both} · σ({{0}}[{place}]) - {yes})"
        return per_place(slope, inputs[0])

    def _coefficients(self, given: Rows) -> tuple[Array, Array]:
        """What -z and log(1 + exp(z)) of each row and score are multiplied by."""
        q, dtype = given.smoothed(self.smoothing, 1 / 2), given.scores.dtype
        positive, weight = (
            np.array(self.pos_weight or 1, dtype),
            np.array(self.class_weights or 1, dtype),
        )
        return weight * positive * q, weight * (1 + (positive - 1) * q)


def _softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
