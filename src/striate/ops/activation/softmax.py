"""SOFTMAX: scores become shares that are positive and sum to one.

    y[k] = exp(x[k]) / Σ_m exp(x[m])

over the units of a flat value, or over the channels at each place of a map. Adding a number to
all scores changes nothing, so the largest is taken away first: no exponential overflows.

The gradient: every score moves every share, ∂y[k]/∂x[c] = y[k] · ([k = c] - y[c]), hence

    ∂L/∂x[c] = Σ_k e[k] · y[k] · ([k = c] - y[c]) = y[c] · (e[c] - Σ_k e[k] · y[k])

Source: Bridle, "Probabilistic Interpretation of Feedforward Classification Network Outputs",
1990; Bishop, "Pattern Recognition and Machine Learning", 2006, equations 4.104-4.106.

>>> import numpy as np
>>> from striate.graph import Call
>>> Softmax().forward(Call((np.array([[0.0, np.log(3.0)]]),))).round(12).tolist()
[[0.25, 0.75]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import (
    OUTPUT,
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


@final
@dataclass(frozen=True)
class Softmax(Operator):
    """Normalized exponentials over the units or channels. Shape: any, unchanged."""

    label: ClassVar[str] = "softmax"
    gives_shares: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        y: Array = np.exp(call.x - call.x.max(axis=1, keepdims=True))
        return y / y.sum(axis=1, keepdims=True)

    def backward(self, call: Call, error: Array) -> Gradients:
        mean_error = (error * call.y).sum(axis=1, keepdims=True)
        return Gradients((call.y * (error - mean_error),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cells = _channels(index, call.x)
        scores = np.array([call.x[cell] for cell in cells])
        top = scores.max()
        power = Factor(np.exp(call.x[index] - top).item(), "exp({0} - max)", (Ref(0, index),))
        total = np.exp(scores - top).sum().item()
        refs = tuple(Ref(0, cell) for cell in cells)
        names = "{0}" if len(cells) == 1 else f"{{0}} … {{{len(cells) - 1}}}"
        return [Term((power, Factor(1 / total, f"1 / Σ exp({names} - max)", refs)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        share = call.y[ref.index].item()
        found = []
        for cell in _channels(ref.index, call.x):
            own = cell == ref.index
            label = "(1 - {0})" if own else "(-{0})"
            factor = Factor(own - share, label, (Ref(OUTPUT, ref.index),))
            found.append(
                Use(cell, (Factor(call.y[cell].item(), refs=(Ref(OUTPUT, cell),)), factor))
            )
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        every = ",".join(("m", *map(str, index[1:])))
        return f"exp({{0}}[{place}]) / Σ exp({{0}}[{every}])"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        c, *place = ref.index
        every = ",".join(("k", *map(str, place)))
        own = ",".join(map(str, ref.index))
        return f"Σ {{self}}[{every}].grad · {{self}}[{every}] · ([k={c}] - {{self}}[{own}])"


def _channels(index: Index, x: Array) -> list[Index]:
    """The cells of every channel at the place of `index`."""
    picture, _, *place = index
    return [(picture, channel, *place) for channel in range(x.shape[1])]
