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

from striate.graph import Call, Index, Spec, Term
from striate.ops.activation.shares import Shares


@final
@dataclass(frozen=True)
class Softmax(Shares):
    """Normalized exponentials along one axis.

    Args:
        axis: its name or number, the channels unless it is given.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "softmax"

    def gives_shares(self, *inputs: Spec) -> bool:
        return inputs[0].axis(self.axis) == 0

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [self.share(call, index)]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"exp({{0}}[{place}]) / Σ exp({{0}}[{self.written('m', index, *inputs)}])"
