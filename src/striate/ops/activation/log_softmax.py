"""LOGSOFTMAX: the logarithms of the shares that SOFTMAX gives.

    y[k] = x[k] - log Σ_m exp(x[m])

along the channels or another axis. Shares too small for a floating-point number, whose logarithm
would be -∞, keep theirs. CROSSENTROPY starts from scores and has it inside; scores that went
through it already it leaves as they are.

The gradient: a score lifts its own output and lowers all by its share, ∂y[k]/∂x[c] =
[k = c] - exp(y[c]), hence

    ∂L/∂x[c] = Σ_k e[k] · ([k = c] - exp(y[c])) = e[c] - exp(y[c]) · Σ_k e[k]

Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.104-4.106; Blanchard,
Higham and Higham, "Accurately computing the log-sum-exp and softmax functions", IMA Journal of
Numerical Analysis 41, 2021, equation 1.1.

>>> import numpy as np
>>> from striate.graph import Call
>>> LogSoftmax().forward(Call((np.array([[1000.0, 1000.0, 0.0]]),))).round(6).tolist()
[[-0.693147, -0.693147, -1000.693147]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import ClassVar, final

import numpy as np

from striate.graph import Call, Factor, Index, Ref, Spec, Term
from striate.ops.activation.normalized_exponential import NormalizedExponential
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class LogSoftmax(NormalizedExponential):
    """Logarithms of normalized exponentials along one axis.

    Args:
        axis: its name or number, the channels unless it is given.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "logsoftmax"

    def compared(self, lowered: Array, axis: int) -> Array:
        y: Array = lowered - np.log(np.exp(lowered).sum(axis=axis, keepdims=True))
        return y

    def slope(self, call: Call, error: Array, axis: int) -> Array:
        gradient: Array = error - np.exp(call.y) * error.sum(axis=axis, keepdims=True)
        return gradient

    def derivative(self, output: Factor, share: Factor, own: bool) -> tuple[Factor, ...]:
        label = "(1 - exp({0}))" if own else "(-exp({0}))"
        return (Factor(own - exp(share.value), label, share.refs),)

    def terms(self, call: Call, index: Index) -> list[Term]:
        top, total, names, refs = self.total(call, index)
        score = Factor(call.x[index].item(), refs=(Ref(0, index),))
        return [Term((score,)), Term((Factor(-top - log(total), f"-log Σ exp({names})", refs),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"{{0}}[{place}] - log Σ exp({{0}}[{self.written('m', index, *inputs)}])"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        own = ",".join(map(str, ref.index))
        every = self.written("k", ref.index, *inputs)
        c = ref.index[inputs[0].axis(self.axis)]
        return f"Σ {{self}}[{every}].grad · ([k={c}] - exp({{self}}[{own}]))"
