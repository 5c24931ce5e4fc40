"""SIGMOIDCROSSENTROPY: each score by itself answers yes or no.

    L = Σ_k -q[k] · log σ(z[k]) - (1 - q[k]) · log(1 - σ(z[k]))
      = Σ_k -q[k] · z[k] + log(1 + exp(z[k]))

for scores z and wanted answers q between 0 and 1; a class number stands for 1 at the class and 0
elsewhere. Several classes may be right at once, or none. With one score this is logistic
regression. log(1 + eᶻ) is computed as max(z, 0) + log(1 + e^-|z|), which does not overflow.

The gradient is the difference of what is said and what is so: ∂L/∂z[k] = σ(z[k]) - q[k].

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.90-4.91.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[0.0, np.log(3.0)]]),), target=np.array([[1.0, 1.0]]))
>>> SigmoidCrossEntropy().forward(call).round(6).tolist(), round(float(-np.log(1/2 * 3/4)), 6)
([0.980829], 0.980829)
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
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array
from striate.ops.loss.target import class_scores, one_hot


@final
@dataclass(frozen=True)
class SigmoidCrossEntropy(Operator):
    """Sigmoid and cross-entropy in one, summed over the scores.

    Shapes: scores (units,) and a class index, or wanted answers (units,) -> one number.
    """

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        return class_scores(inputs[0])

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=4 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        loss: Array = (_softplus(call.x) - one_hot(call) * call.x).sum(axis=1)
        return loss

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error[:, None] * (logistic(call.x) - one_hot(call)),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        found = []
        for k, wanted in enumerate(one_hot(call)[index].tolist()):
            refs = (Ref(0, (*index, k)),)
            score = call.x[(*index, k)].item()
            if wanted:
                found.append(Term((Factor(-wanted, f"-{wanted:g}"), Factor(score, refs=refs))))
            found.append(Term((Factor(_softplus(np.array(score)).item(), "softplus({0})", refs),)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        wanted = one_hot(call)[ref.index].item()
        slope = logistic(np.array(call.x[ref.index].item())).item() - wanted
        return [Use(ref.index[:1], (Factor(slope, f"(σ({{0}}) - {wanted:g})", (ref,)),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return "Σ -target[k] · {0}[k] + log(1 + exp({0}[k]))"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        k = ref.index[0]
        return f"{{self}}.grad · (σ({{0}}[{k}]) - target[{k}])"


def _softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))
