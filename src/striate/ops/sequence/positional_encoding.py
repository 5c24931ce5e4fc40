"""POSITIONS: waves added to a sequence, so that the network can tell its steps apart.

    y[c,t] = x[c,t] + p[c,t]        p[2i,t] = sin(t / base^(2i/C))
                                    p[2i+1,t] = cos(t / base^(2i/C))

for C features: neighbors share a wavelength, which grows from 2π steps to base · 2π. Steps that are
equally far apart differ by the same rotation. Nothing is learned; a table that is learned is SHIFT
with a size (`SHIFT size=64x100`).

The gradient passes through: ∂L/∂x = e.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, section 3.5.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.zeros((1, 4, 3)),))
>>> PositionalEncoding(base=100).forward(call)[0].round(3).tolist()
[[0.0, 0.841, 0.909], [1.0, 0.54, -0.416], [0.0, 0.1, 0.199], [1.0, 0.995, 0.98]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
)
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class PositionalEncoding(Operator):
    """Sines and cosines of the step, a wavelength for each two features.

    Args:
        base: the ratio of the longest wavelength to the shortest.

    Shape: features x steps, unchanged.
    """

    label: ClassVar[str] = "positions"
    saves: ClassVar[Saves] = Saves(hands_on=True)

    base: float = 10000.0

    def __post_init__(self) -> None:
        checked.positive("base", self.base, 10000)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank != 2:
            raise ShapeError(
                f"{{self}} counts the steps of a sequence, features x steps, but its input is {x}",
                remedy="EMBEDDING makes such a sequence of tokens, RESHAPE of other values.",
            )
        return x

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def waves(self, x: Spec) -> Array:
        """What is added: features x steps."""
        features, steps = (np.arange(n) for n in x.shape)
        pace = self.base ** -(features // 2 * 2 / x.channels)
        angle: Array = pace[:, None] * steps
        return np.where(features[:, None] % 2, np.cos(angle), np.sin(angle))

    def forward(self, call: Call) -> Array:
        waves: Array = self.waves(call.specs[0]).astype(call.x.dtype)
        return call.x + waves

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        _, feature, step = index
        pace = self.base ** -(feature // 2 * 2 / call.specs[0].channels)
        wave = (cos if feature % 2 else sin)(pace * step)
        added = Factor(wave, self._wave(feature, step, call.specs[0]))
        return [Term((Factor(call.x[index].item(), refs=(Ref(0, index),)),)), Term((added,))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use(ref.index, (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        feature, step = index
        return f"{{0}}[{feature},{step}] + {self._wave(feature, step, inputs[0])}"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}[{','.join(map(str, ref.index))}].grad"

    def _wave(self, feature: int, step: int, x: Spec) -> str:
        """How what is added is written."""
        wave = "cos" if feature % 2 else "sin"
        return f"{wave}({step} / {self.base:g}^({feature // 2 * 2}/{x.channels}))"
