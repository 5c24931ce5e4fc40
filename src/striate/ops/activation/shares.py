"""What SOFTMAX and MASKEDSOFTMAX share: positive numbers that sum to one, and their gradient.

∂y[k]/∂x[c] = y[k] · ([k = c] - y[c])

∂L/∂x[c] = Σ_k e[k] · y[k] · ([k = c] - y[c]) = y[c] · (e[c] - Σ_k e[k] · y[k])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from striate.graph import Call, Factor, Index, Ref, Spec, Term
from striate.ops.activation.normalized_exponential import NormalizedExponential
from striate.ops.arrays import Array


@dataclass(frozen=True)
class Shares(NormalizedExponential):
    """Args:
        axis: the one along which the shares sum to 1.

    Shape: any, unchanged.
    """

    @final
    def compared(self, lowered: Array, axis: int) -> Array:
        y: Array = np.exp(lowered)
        total = y.sum(axis=axis, keepdims=True)
        # Every exponential is 0 where all is hidden: then no score has a share.
        return y / np.where(total == 0, 1, total)

    @final
    def slope(self, call: Call, error: Array, axis: int) -> Array:
        return call.y * (error - (error * call.y).sum(axis=axis, keepdims=True))

    @final
    def derivative(self, output: Factor, share: Factor, own: bool) -> tuple[Factor, ...]:
        label = "(1 - {0})" if own else "(-{0})"
        return output, Factor(own - share.value, label, share.refs)

    @final
    def share(self, call: Call, index: Index) -> Term:
        """One share of those scores that are compared: its exponential, and one divided by all."""
        top, total, names, refs = self.total(call, index)
        power = Factor(np.exp(call.x[index] - top).item(), "exp({0} - max)", (Ref(0, index),))
        return Term((power, Factor(1 / total, f"1 / Σ exp({names} - max)", refs)))

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        if ref.source != 0:
            return "0"
        own = ",".join(map(str, ref.index))
        every = self.written("k", ref.index, inputs[0])
        c = ref.index[inputs[0].axis(self.axis)]
        return f"Σ {{self}}[{every}].grad · {{self}}[{every}] · ([k={c}] - {{self}}[{own}])"
