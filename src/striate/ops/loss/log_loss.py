"""LOGLOSS: how surprised the network is by the right class, from its probabilities.

    L = -Σ_k q[k] · log p[k]        ∂L/∂p[k] = -q[k] / p[k]

for probabilities p and shares q of classes, which need not sum to 1; with a class number this is
-log p[class]. Behind a softmax it equals CROSSENTROPY of the scores, which is the better way to
compute it: a probability below the smallest positive number of its type is taken as that number,
and has no slope. Smoothing, weights of classes and ignored targets: see
`striate.ops.loss.class_loss`.

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.108.

>>> import numpy as np
>>> from striate.graph import Call
>>> LogLoss().forward(Call((np.array([[0.75, 0.25]]),), target=np.array([1]))).round(6).tolist()
[1.386294]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from striate.graph import Cost, Factor, Index, Ref, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array
from striate.ops.loss.class_loss import ClassLoss
from striate.ops.loss.target import Rows


@final
@dataclass(frozen=True)
class LogLoss(ClassLoss):
    """The negative log-likelihood.

    Args:
        smoothing: the share of the target spread over all classes, from 0 up to below 1.
        class_weights: how much each class weighs, 0 or more; None for 1 each.
        ignore_index: a number in place of a class where nothing is to be compared.

    Shapes: probabilities (classes, *positions), and class numbers (*positions) or shares of
    classes (classes, *positions) -> one number.
    """

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, own=2 * NUMBER * inputs[0].size, batch=NUMBER)

    def losses(self, given: Rows) -> Array:
        losses: Array = -(self.coefficients(given) * np.log(_positive(given.scores))).sum(axis=1)
        return losses

    def slopes(self, given: Rows) -> Array:
        slopes: Array = -self.coefficients(given) * _inverse(given.scores)
        return slopes

    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        logarithms = np.log(_positive(given.scores[row])).tolist()
        shares = self.coefficients(given)[row].tolist()
        return [
            Term((Factor(-share, f"-{share:g}"), Factor(logarithm, "log({0})", (cell,))))
            for share, logarithm, cell in zip(shares, logarithms, scores, strict=True)
            if share
        ]

    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        k = score.index[1]
        share = self.coefficients(given)[row, k].item()
        inverse = _inverse(given.scores[row, k : k + 1]).item()
        return Factor(-share, f"-{share:g}"), Factor(inverse, "1/{0}", (score,))

    def formula(self, index: Index, *inputs: Spec) -> str:
        return self.mean_formula(f"-Σ {self.share} · log {{0}}[k]", inputs[0])

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        q = self.share.replace("[k]", "")
        return self.mean_gradient(f"{{self}}.grad · -{q} / {{0}}[{place}]", inputs[0])


def _positive(p: Array) -> Array:
    return np.maximum(p, np.finfo(p.dtype).tiny)


def _inverse(p: Array) -> Array:
    """The slope of the logarithm of `_positive`."""
    return np.divide(1, p, out=np.zeros_like(p), where=p >= np.finfo(p.dtype).tiny)
