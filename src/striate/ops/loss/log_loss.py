"""LOGLOSS: how surprised the network is by the right class, from its probabilities.

    L = -Σ_k t[k] · log p[k]        ∂L/∂p[k] = -t[k] / p[k]

for probabilities p and wanted shares t; with a class number this is -log p[class]. Behind a
softmax it equals CROSSENTROPY of the scores, which is the better way to compute it: a
probability that was rounded to 0 is taken here as the smallest positive number of its type.

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.108.

>>> import numpy as np
>>> from striate.graph import Call
>>> LogLoss().forward(Call((np.array([[0.75, 0.25]]),), target=np.array([1]))).round(6).tolist()
[1.386294]
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
from striate.ops.arrays import Array
from striate.ops.loss.target import class_scores, one_hot


@final
@dataclass(frozen=True)
class LogLoss(Operator):
    """The negative log-likelihood. Shapes: (classes,) and a class index or shares -> one number."""

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        return class_scores(inputs[0])

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        loss: Array = -(one_hot(call) * np.log(_positive(call.x))).sum(axis=1)
        return loss

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((-error[:, None] * one_hot(call) / _positive(call.x),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        row = one_hot(call)[index].tolist()
        cells = [((*index, k), wanted) for k, wanted in enumerate(row) if wanted]
        return [
            Term(
                (
                    Factor(-wanted, f"-{wanted:g}"),
                    Factor(np.log(_positive(call.x)[cell]).item(), "log({0})", (Ref(0, cell),)),
                )
            )
            for cell, wanted in cells
        ]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        wanted = one_hot(call)[ref.index].item()
        factors = (
            Factor(-wanted, f"-{wanted:g}"),
            Factor(1 / _positive(call.x)[ref.index].item(), "1/{0}", (ref,)),
        )
        return [Use(ref.index[:1], factors)]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return "-Σ target[k] · log {0}[k]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}.grad · -target[{ref.index[0]}] / {{0}}[{ref.index[0]}]"


def _positive(p: Array) -> Array:
    return np.maximum(p, np.finfo(p.dtype).tiny)
