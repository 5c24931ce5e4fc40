"""LRN: a unit is damped by the strength of its neighbors in the next channels.

    y[c] = x[c] / s[c]^β        s[c] = k + (α/n) Σ_d x[d]²

at each place by itself, d running over the n channels from c - ⌊n/2⌋ to c + ⌊(n-1)/2⌋ that
exist. α is divided by n as in PyTorch and Caffe; the paper multiplies the plain sum by α, so its
α = 1e-4 with n = 5 (and k = 2) is alpha=5e-4 here.

The gradient: x[c] moves its own output, and the outputs of all neighbors that count it:

    ∂y[c]/∂x[d] = [c = d] · s[c]^-β - 2·(α·β/n) · x[c] · x[d] · s[c]^(-β-1)

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", NIPS 2012, section 3.3.

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.array([3.0, 3.0]).reshape(1, 2, 1)
>>> LocalResponseNorm(2, alpha=2.0, beta=0.5, k=7.0).forward(Call((x,)))[0, :, 0].tolist()
[0.75, 0.6000000000000001]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Routes,
    Saves,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.saves import NUMBER
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class LocalResponseNorm(Operator):
    """Local response normalization across channels.

    Args:
        size: how many channels count, the own one in the middle.
        alpha, beta, k: constants of the formula; alpha is divided by size.

    Shape: (C, *spatial), unchanged.
    """

    label: ClassVar[str] = "lrn"

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        checked.count("size", self.size, 5)
        checked.not_negative("alpha", self.alpha, 1e-4)
        checked.not_negative("beta", self.beta, 0.75)
        checked.not_negative("k", self.k, 1)

    def shape(self, *inputs: Spec) -> Spec:
        if inputs[0].rank < 2:
            raise ShapeError(
                f"{{self}} needs a map with channels, but its input is flat ({inputs[0]} units)",
                remedy="Put LRN before FLATTEN and FC.",
            )
        return inputs[0]

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=(self.size + 3) * inputs[0].size)

    def field(self, *inputs: Spec) -> Routes:
        before, after = self._reach
        near = Along(0, Window(self.size, before=before, after=after))
        return Routes((near, *map(Along, range(1, inputs[0].rank))))

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        around = (self.size - 1) * prod(x.spatial)
        return Saves(inputs=True, own=NUMBER * (3 * x.size + around))

    def forward(self, call: Call) -> Array:
        return call.x * self._strength(call.x) ** -self.beta

    def backward(self, call: Call, error: Array) -> Gradients:
        x, s = call.x, self._strength(call.x)
        # What each output gives back to all that it counts, gathered the opposite way round.
        shared = self._summed(error * x * s ** (-self.beta - 1), *self._reach[::-1])
        pull = 2 * self.alpha * self.beta / self.size
        return Gradients((error * s**-self.beta - pull * x * shared,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cells = self._neighbors(index, call.x.shape[1])
        damping = self._strength_at(call, index) ** -self.beta
        squares = " + ".join(f"{{{place}}}²" for place in range(len(cells)))
        label = f"({self.k:g} + {self.alpha:g}/{self.size} · ({squares}))^-{self.beta:g}"
        refs = tuple(Ref(0, cell) for cell in cells)
        own = Factor(call.x[index], refs=(Ref(0, index),))
        return [Term((own, Factor(damping, label, refs)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        before, after = self._reach
        picture, d, *place = ref.index
        found = []
        for c in range(max(0, d - after), min(call.x.shape[1], d + before + 1)):
            cell = (picture, c, *place)
            s = self._strength_at(call, cell)
            pull = 2 * self.alpha * self.beta / self.size * call.x[cell] * call.x[ref.index]
            slope = (c == d) * s**-self.beta - pull * s ** (-self.beta - 1)
            rate = f"2·{self.alpha:g}·{self.beta:g}/{self.size}"
            label = f"({int(c == d)}·s[{c}]^-β - {rate} · {{0}} · {{1}} · s[{c}]^(-β-1))"
            found.append(Use(cell, (Factor(float(slope), label, (Ref(0, cell), ref)),)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        c, *place = index
        before, after = self._reach
        own = ",".join(map(str, index))
        other = ",".join(("d", *map(str, place)))
        first, last = max(0, c - before), min(inputs[0].channels - 1, c + after)
        squares = f"Σ {{0}}[{other}]² for d = {first} … {last}"
        return f"{{0}}[{own}] / ({self.k:g} + {self.alpha:g}/{self.size} · {squares})^{self.beta:g}"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        d, *place = ref.index
        other, own = (",".join((each, *map(str, place))) for each in ("c", str(d)))
        pull = f"2·{self.alpha:g}·{self.beta:g}/{self.size} · {{0}}[{other}] · {{0}}[{own}]"
        return (
            f"Σ {{self}}[{other}].grad · ([c={d}]·s[c]^-{self.beta:g} "
            f"- {pull} · s[c]^-{self.beta + 1:g})"
        )

    @property
    def _reach(self) -> tuple[int, int]:
        """Neighbors before and after the own channel."""
        return self.size // 2, (self.size - 1) // 2

    def _strength(self, x: Array) -> Array:
        return self.k + self.alpha / self.size * self._summed(x**2, *self._reach)

    def _summed(self, x: Array, before: int, after: int) -> Array:
        """For every channel the sum over itself and its neighbors."""
        sides = [(0, 0), (before, after), *[(0, 0)] * (x.ndim - 2)]
        around = np.lib.stride_tricks.sliding_window_view(np.pad(x, sides), self.size, axis=1)
        return around.sum(axis=-1)

    def _neighbors(self, index: Index, channels: int) -> list[Index]:
        picture, c, *place = index
        before, after = self._reach
        near = range(max(0, c - before), min(channels, c + after + 1))
        return [(picture, d, *place) for d in near]

    def _strength_at(self, call: Call, index: Index) -> float:
        squares = sum(float(call.x[cell]) ** 2 for cell in self._neighbors(index, call.x.shape[1]))
        return self.k + self.alpha / self.size * squares
