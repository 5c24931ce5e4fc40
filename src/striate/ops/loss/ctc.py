"""CTC: how surprised the network is by a sequence of labels, wherever in time they are said.

A network that reads a line of text says at each of L steps one of its classes, or blank. A path
is one class per step; it spells labels once repeats are merged and blanks dropped: both
"aa-b" and "-abb" spell "ab". The loss adds up all paths that spell the target l:

    L = (Σ_t log Σ_k exp(z[k,t]) - log Σ_paths exp(Σ_t z[path(t),t])) / |l|

for scores z; it is -log p(l), a softmax included, divided by the number of labels (at least 1), as
PyTorch's mean does. The paths are summed by dynamic programming over l' = blank l₁ blank l₂ …
blank, in logarithms, forward (α, which includes step t) and backward (β, which does not):

    α[t,s] = z[l'[s],t] + log Σ exp(α[t-1,r])             r = s, s-1, and s-2 unless that
    β[t,s] = log Σ exp(z[l'[r],t+1] + β[t+1,r])               skips a label or merges two

The gradient is what is said less how often the paths say it:

    ∂L/∂z[k,t] = (softmax(z)[k,t] - γ[k,t]) / |l|

where γ[k,t] is Σ exp(α[t,s] + β[t,s]) over the s with l'[s] = k, divided by the sum of all paths.

Source: Graves, Fernández, Gomez and Schmidhuber, "Connectionist Temporal Classification", ICML
2006, equations 6-8 and 14-16.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.zeros((1, 2, 2)),), target=np.array([[1]]))
>>> CTC().forward(call).round(6).tolist(), round(-float(np.log(3 / 4)), 6)
([0.287682], 0.287682)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import Call, Cost, Factor, Gradients, Index, Reach, Ref, Saves, Spec, Term, Use
from striate.graph.saves import INDEX, NUMBER
from striate.graph.settings import shown
from striate.ops.arrays import Array
from striate.ops.loss.loss_operator import LossOperator
from striate.ops.loss.target import score_names

PADDING = -1
"""What fills up a row of labels that is shorter than others of its batch."""


@final
@dataclass(frozen=True)
class CTC(LossOperator):
    """Softmax and connectionist temporal classification in one.

    Args:
        blank: the class that says nothing.

    Shapes: scores (classes, steps), and labels (at most steps), filled up with -1 -> one number.
    """

    blank: int = 0

    def __post_init__(self) -> None:
        if self.blank < 0:
            raise SettingError(f"blank is {self.blank}", remedy="It is a class: 0 or more.")

    def check_target(self, target: Array | None, scores: tuple[int, ...]) -> Array:
        pictures, classes, steps = scores
        remedy = (
            f"Give one row of labels per picture ({pictures}xS): classes below {classes} other "
            f"than the blank, {self.blank}, filled up with {PADDING}."
        )
        if target is None:
            raise SettingError("a loss needs a target", remedy=remedy)
        shaped = target.ndim == 2 and len(target) == pictures and target.dtype.kind in "iu"
        if not shaped or not _are_labels(target, classes, self.blank):
            what = f"the target {shown(target.tolist())} is no labels"
            raise SettingError(what, remedy=remedy)
        for picture, row in enumerate(target):
            labels = row[row != PADDING]
            needed = len(labels) + np.count_nonzero(labels[1:] == labels[:-1])
            if needed > steps:
                raise SettingError(
                    f"the {len(labels)} labels of picture {picture} need {needed} steps, "
                    f"but there are {steps}",
                    remedy="A label takes a step, and a blank stands between equal ones.",
                )
        return target

    def predicted_target(self, scores: Array) -> Array:
        path = scores.argmax(axis=0)
        merged = path[np.append(True, path[1:] != path[:-1])]
        labels: Array = merged[merged != self.blank]
        return labels[None]

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank != 2 or x.channels <= max(1, self.blank):
            raise ShapeError(
                f"{{self}} reads a sequence of class scores, blank ({self.blank}) included, but "
                f"its input is {x}",
                remedy="End the network with a sequence: classes x steps.",
            )
        return Spec(())

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=7 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        (steps,) = x.spatial
        places = 2 * steps + 1  # of a target that is as long as could be
        return Saves(own=NUMBER * (x.size + steps * places + 1) + INDEX)

    def forward(self, call: Call) -> Array:
        labels = self._labels(call)
        losses = [
            (_log_sum_exp(z).sum() - self._forward(z, own)[1]) / max(1, len(own))
            for z, own in zip(call.x, labels, strict=True)
        ]
        return np.array(losses, dtype=call.x.dtype)

    def backward(self, call: Call, error: Array) -> Gradients:
        labels = self._labels(call)
        slopes = [self._slopes(z, own) for z, own in zip(call.x, labels, strict=True)]
        return Gradients((error[:, None, None] * np.stack(slopes),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        (picture,) = index
        z, labels = call.x[picture], self._labels(call)[picture]
        classes, steps = z.shape
        cells = [[Ref(0, (picture, k, t)) for k in range(classes)] for t in range(steps)]
        share = _share(labels)
        found = [
            Term((Factor(total, f"log Σ exp({score_names(classes)})", tuple(row)), *share))
            for row, total in zip(cells, _log_sum_exp(z).tolist(), strict=True)
        ]
        label = f"log Σ exp(paths over {score_names(classes * steps)})"
        every = tuple(cell for row in cells for cell in row)
        paths = Factor(float(self._forward(z, labels)[1]), label, every)
        return [*found, Term((Factor(-1.0, "-1"), paths, *share))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, k, t = ref.index
        z, labels = call.x[picture], self._labels(call)[picture]
        said = np.exp(z[k, t] - _log_sum_exp(z)[t]).item()
        often = self._often(z, labels)[k, t].item()
        slope = Factor(said - often, f"(softmax({{0}}) - {often:g})", (ref,))
        return [Use((picture,), (slope, *_share(labels)))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return (
            "(Σ log Σ exp({0}[k,t]) - log Σ exp(Σ {0}[path])) / labels, over paths that spell them"
        )

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        return f"{{self}}.grad · (softmax({{0}})[{place}] - γ[{place}]) / labels"

    def _labels(self, call: Call) -> list[Array]:
        """The labels of each picture, without what fills them up."""
        target = self.check_target(call.target, call.x.shape)
        return [row[row != PADDING].astype(np.int64) for row in target]

    def _forward(self, z: Array, labels: Array) -> tuple[Array, Array]:
        """α (steps, states), and the logarithm of the sum over all paths."""
        states, skips = self._states(labels)
        alpha = np.full((z.shape[1], len(states)), -np.inf, dtype=z.dtype)
        alpha[0, :2] = z[states[:2], 0]
        for t in range(1, len(alpha)):
            alpha[t] = z[states, t] + _arriving(alpha[t - 1], skips)
        return alpha, np.logaddexp.reduce(alpha[-1, -2:])

    def _often(self, z: Array, labels: Array) -> Array:
        """γ (classes, steps): how often the paths say each class at each step, as a share."""
        states, skips = self._states(labels)
        alpha, total = self._forward(z, labels)
        beta = np.full_like(alpha, -np.inf)
        beta[-1, -2:] = 0
        # Seen from the end, a skip out of s is one into s + 2.
        turned = np.append(skips[2:], [False] * min(2, len(skips)))[::-1]
        for t in range(len(beta) - 2, -1, -1):
            beta[t] = _arriving((z[states, t + 1] + beta[t + 1])[::-1], turned)[::-1]
        often = np.zeros_like(z)
        np.add.at(often, states, np.exp(alpha + beta - total).T)
        return often

    def _slopes(self, z: Array, labels: Array) -> Array:
        slopes = np.exp(z - _log_sum_exp(z)) - self._often(z, labels)
        return slopes / max(1, len(labels))

    def _states(self, labels: Array) -> tuple[Array, Array]:
        """l', and whether each of its states may be reached over one."""
        states = np.full(2 * len(labels) + 1, self.blank)
        states[1::2] = labels
        skips = np.zeros(len(states), dtype=bool)
        skips[3::2] = labels[1:] != labels[:-1]
        return states, skips


def _are_labels(target: Array, classes: int, blank: int) -> bool:
    padding = target == PADDING
    known = (target >= 0) & (target < classes) & (target != blank)
    ended = padding[:, 1:] | ~padding[:, :-1]
    return bool((padding | known).all() and ended.all())


def _arriving(before: Array, skips: Array) -> Array:
    """log Σ exp of the states that lead to each: itself, the one before, and over that."""
    found = before.copy()
    found[1:] = np.logaddexp(found[1:], before[:-1])
    over = np.where(skips[2:], before[:-2], -np.inf)
    found[2:] = np.logaddexp(found[2:], over.astype(before.dtype))
    return found


def _log_sum_exp(z: Array) -> Array:
    """Over the classes of each step."""
    top = z.max(axis=0)
    total: Array = np.log(np.exp(z - top).sum(axis=0)) + top
    return total


def _share(labels: Array) -> tuple[Factor, ...]:
    return () if len(labels) < 2 else (Factor(1 / len(labels), f"1/{len(labels)}"),)
