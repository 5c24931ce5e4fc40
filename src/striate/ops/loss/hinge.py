"""HINGE: every wrong class must score lower than the right one, by a margin.

    L = c[t] · Σ_{k≠t} max(0, z[k] - z[t] + Δ)^p

for scores z, the right class t, the margin Δ, the power p of 1 or 2, and the weights c of the
classes (1 unless given). Once all wrong classes keep their distance the loss is zero and nothing
is learned: unlike cross-entropy it does not ask for more. The square (p = 2) asks little of a
class that comes a little too near, and much of one that comes much too near.

With d[k] = z[k] - z[t] + Δ, the gradient of p = 1 counts the classes that come too near:
∂L/∂z[k] = c[t] · p · d[k]^(p-1) for each of them, and ∂L/∂z[t] is minus their sum.

Source: Weston and Watkins, "Support Vector Machines for Multi-Class Pattern Recognition", ESANN
1999, with linear instead of trained slacks; as in Stanford's course CS231n, linear
classification, where the squared form is called L2-SVM. PyTorch's multi_margin_loss is this
divided by the number of classes.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[3.2, 5.1, -1.7]]),), target=np.array([0]))
>>> Hinge().forward(call).round(6).tolist(), Hinge(p=2).forward(call).round(6).tolist()
([2.9], [8.41])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
from striate.graph import Cost, Factor, Index, Ref, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops import checked
from striate.ops.arrays import Array
from striate.ops.loss.class_loss import check_weights
from striate.ops.loss.row_loss import RowLoss, over_places, per_place
from striate.ops.loss.target import Rows


@final
@dataclass(frozen=True)
class Hinge(RowLoss):
    """The multi-class hinge loss of a linear support vector machine.

    Args:
        margin: how much higher the right class has to score; above 0.
        p: the power of what a class lacks in distance, 1 or 2.
        class_weights: what a picture's loss is multiplied by, for each right class; 0 or more.
            A mean over a batch divides by the number of pictures, as PyTorch's does here.

    Shapes: scores (classes, *positions) and class numbers (*positions) -> one number.
    """

    takes_values: ClassVar[bool] = False

    margin: float = 1.0
    p: int = 1
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        checked.positive("margin", self.margin, 1.0)
        if self.p not in (1, 2):
            raise SettingError(f"the power p is {self.p}", remedy="It is 1 or 2.")
        check_weights("class weights are", self.class_weights)

    def per_class(self) -> dict[str, tuple[float, ...] | None]:
        return {"class weights": self.class_weights}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=(2 + self.p) * inputs[0].size)

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        return Saves(own=NUMBER * x.size) if x.spatial else Saves(inputs=True)

    def losses(self, given: Rows) -> Array:
        losses: Array = self._weighing(given) * (self._lack(given) ** self.p).sum(axis=1)
        return losses

    def slopes(self, given: Rows) -> Array:
        slopes = self._wrong_slopes(given)
        slopes[np.arange(len(slopes)), given.classes] = -slopes.sum(axis=1)
        return slopes * self._weighing(given)[:, None]

    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        right = scores[given.classes[row]]
        weight = self._weight(given, row)
        found = []
        for k in np.flatnonzero(self._lack(given)[row]).tolist():
            wrong, lack = scores[k], self._lack(given)[row, k].item()
            if self.p == 2:
                label = f"({{0}} - {{1}} + {self.margin:g})"
                distance = Factor(lack, label, (wrong, right))
                found.append(Term((distance, distance, *weight)))
                continue
            high, low = (
                Factor(given.scores[row, c.index[1]].item(), refs=(c,)) for c in (wrong, right)
            )
            minus, margin = Factor(-1.0, "-1"), Factor(self.margin, f"{self.margin:g}")
            found += [Term((*each, *weight)) for each in ((high,), (minus, low), (margin,))]
        return found

    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        k, weight = score.index[1], self._weight(given, row)
        slopes = self._wrong_slopes(given)[row]
        if k == given.classes[row]:
            count, total = np.count_nonzero(slopes), slopes.sum().item()
            return (Factor(-total, f"-{total:g} ({count} classes too near)"), *weight)
        label = f"{slopes[k]:g} (too near)" if slopes[k] else "0 (far enough)"
        return (Factor(slopes[k].item(), label), *weight)

    def formula(self, index: Index, *inputs: Spec) -> str:
        squared = "²" if self.p == 2 else ""
        weight = "c[target] · " if self.class_weights else ""
        lack = f"max(0, {{0}}[k] - {{0}}[target] + {self.margin:g})"
        return over_places(f"{weight}Σ {lack}{squared} over k ≠ target", inputs[0])

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        near = f"[{{0}}[{place}] > {{0}}[target] - {self.margin:g}]"
        if self.p == 2:
            near = f"2 · max(0, {{0}}[{place}] - {{0}}[target] + {self.margin:g})"
        weight = "c[target] · " if self.class_weights else ""
        slope = f"{{self}}.grad · {weight}{near} (for the target: minus the sum over the others)"
        return per_place(slope, inputs[0])

    def _lack(self, given: Rows) -> Array:
        """What wrong classes lack in distance, 0 where nothing and for the right one."""
        rows, classes = np.arange(len(given.scores)), given.classes
        lack = given.scores - given.scores[rows, classes][:, None] + self.margin
        lack[rows, classes] = 0
        return np.maximum(lack, 0)

    def _wrong_slopes(self, given: Rows) -> Array:
        """The derivative by each wrong score but for the weight, 0 for the right one."""
        lack = self._lack(given)
        return 2 * lack if self.p == 2 else (lack > 0).astype(lack.dtype)

    def _weighing(self, given: Rows) -> Array:
        """What each row is multiplied by."""
        if self.class_weights is None:
            return np.ones(len(given.scores), given.scores.dtype)
        weighing: Array = np.array(self.class_weights, given.scores.dtype)[given.classes]
        return weighing

    def _weight(self, given: Rows, row: int) -> tuple[Factor, ...]:
        weight = self._weighing(given)[row].item()
        return () if weight == 1 else (Factor(weight, f"{weight:g} (of the class)"),)
