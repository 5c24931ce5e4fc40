"""SOFTMAX: scores become shares that are positive and sum to one.

    y[k] = exp(x[k]) / Σ_m exp(x[m])

over the units of a flat value, over the channels at each place of a map, or along another axis:
over the keys of an attention, which are its last.

The gradient: every score moves every share, ∂y[k]/∂x[c] = y[k] · ([k = c] - y[c]), hence

    ∂L/∂x[c] = Σ_k e[k] · y[k] · ([k = c] - y[c]) = y[c] · (e[c] - Σ_k e[k] · y[k])

Source: Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs",
1990; Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.104-4.106. Over keys:
Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> Softmax().forward(Call((np.array([[0.0, np.log(3.0)]]),))).round(12).tolist()
[[0.25, 0.75]]
>>> Softmax("last").forward(Call((np.array([[[5.0, 5.0], [0.0, 0.0]]]),))).tolist()
[[[0.5, 0.5], [0.5, 0.5]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Call, Factor, Index, Ref, Spec, Term
from striate.ops.activation.normalized_exponential import NormalizedExponential
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Softmax(NormalizedExponential):
    """Normalized exponentials along one axis.

    Args:
        axis: its name or number, the channels unless it is given.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "softmax"

    def gives_shares(self, *inputs: Spec) -> bool:
        return inputs[0].axis(self.axis) == 0

    def compared(self, lowered: Array, axis: int) -> Array:
        y: Array = np.exp(lowered)
        return y / y.sum(axis=axis, keepdims=True)

    def slope(self, call: Call, error: Array, axis: int) -> Array:
        return call.y * (error - (error * call.y).sum(axis=axis, keepdims=True))

    def derivative(self, output: Factor, share: Factor, own: bool) -> tuple[Factor, ...]:
        label = "(1 - {0})" if own else "(-{0})"
        return output, Factor(own - share.value, label, share.refs)

    def terms(self, call: Call, index: Index) -> list[Term]:
        top, total, names, refs = self.total(call, index)
        power = Factor(np.exp(call.x[index] - top).item(), "exp({0} - max)", (Ref(0, index),))
        return [Term((power, Factor(1 / total, f"1 / Σ exp({names} - max)", refs)))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"exp({{0}}[{place}]) / Σ exp({{0}}[{self.written('m', index, *inputs)}])"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        own = ",".join(map(str, ref.index))
        every = self.written("k", ref.index, *inputs)
        c = ref.index[inputs[0].axis(self.axis)]
        return f"Σ {{self}}[{every}].grad · {{self}}[{every}] · ([k={c}] - {{self}}[{own}])"
