"""What losses over rows of scores share: positions, the mean over them, and their weights.

A loss compares one row of scores (classes,) with one target. Where the scores are a map
(classes, H, W) or a sequence (classes, L), every position is such a row. The loss of a picture is

    L = Σ_p l[p] / W        W = Σ_p w[p]

over its positions p, with each row's weight w[p]: 1, or the weight of its class, or 0 where it is
ignored. It is what PyTorch's reduction "mean" gives for this picture alone. The mean over a batch
weighs each picture by its W, which is PyTorch's mean over the batch:

    Σ_n W[n] · L[n] / Σ_n W[n]  =  Σ of all l / Σ of all w

A loss says what one row costs; what is said here turns rows into pictures.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar

import numpy as np

from striate.errors import ShapeError
from striate.graph import Call, Factor, Gradients, Index, Reach, Ref, Spec, Term, Use
from striate.ops.arrays import Array
from striate.ops.loss.loss_operator import LossOperator
from striate.ops.loss.target import Rows, check_target, rows


@dataclass(frozen=True)
class RowLoss(LossOperator):
    """A loss that compares one row of scores with one target, at every position.

    Shapes: scores (classes, *positions), with class numbers (*positions) or wanted values
    (classes, *positions) -> one number.
    """

    takes_values: ClassVar[bool] = True
    """Whether a target may be one wanted value per score."""

    @property
    def ignored(self) -> int | None:
        """The number that stands in a target where nothing is to be compared."""
        return None

    def per_class(self) -> dict[str, tuple[float, ...] | None]:
        """The settings that have one number per class, by name."""
        return {}

    @abstractmethod
    def losses(self, given: Rows) -> Array:
        """The loss of each row (rows,), its weight included."""

    @abstractmethod
    def slopes(self, given: Rows) -> Array:
        """The derivative of each row's loss by its scores (rows, classes)."""

    @abstractmethod
    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        """The products that sum to the loss of one row, whose scores are `scores`."""

    @abstractmethod
    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        """Factors whose product is the derivative of the row's loss by one of its scores."""

    def row_weights(self, given: Rows) -> Array:
        """How much each row counts in a mean (rows,)."""
        return np.ones(len(given.scores), dtype=given.scores.dtype)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        for name, numbers in self.per_class().items():
            if numbers is not None and len(numbers) != x.channels:
                raise ShapeError(
                    f"{{self}} has {len(numbers)} {name}, but its input ({x}) has {x.channels}"
                    " classes",
                    remedy="Give one number per class.",
                )
        return Spec(())

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        given = self.rows(call)
        total = self.losses(given).reshape(len(call.x), -1).sum(axis=1)
        return _divided(total, self._weights(given, len(call.x)))

    def backward(self, call: Call, error: Array) -> Gradients:
        given, pictures = self.rows(call), len(call.x)
        each = _divided(error, self._weights(given, pictures))
        slopes = self.slopes(given).reshape(pictures, -1, call.x.shape[1]) * each[:, None, None]
        shape = (pictures, *call.x.shape[2:], call.x.shape[1])
        return Gradients((np.moveaxis(slopes.reshape(shape), -1, 1),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        (picture,) = index
        given = self.rows(_only(call, picture))
        weight = self._weights(given, 1).item()
        if not weight:
            return []
        positions, classes = call.x.shape[2:], range(call.x.shape[1])
        found = []
        for row, place in enumerate(np.ndindex(*positions)):
            scores = [Ref(0, (picture, k, *place)) for k in classes]
            terms = self.row_terms(given, row, scores)
            found += [Term((*term.factors, *_share(weight))) for term in terms]
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, _, *place = ref.index
        given = self.rows(_only(call, picture))
        weight = self._weights(given, 1).item()
        if not weight:
            return []
        row = int(np.ravel_multi_index(place, call.x.shape[2:])) if place else 0
        return [Use((picture,), (*self.row_use(given, row, ref), *_share(weight)))]

    def picture_weights(self, call: Call) -> Array:
        """How much each picture counts in the mean over a batch (N,)."""
        return self._weights(self.rows(call), len(call.x))

    def check_target(self, target: Array | None, scores: tuple[int, ...]) -> Array:
        return check_target(target, scores, ignored=self.ignored, values=self.takes_values)

    def rows(self, call: Call) -> Rows:
        """Scores and target, row by row.

        Raises:
            SettingError: the target does not fit the scores.
        """
        return rows(call.x, self.check_target(call.target, call.x.shape), ignored=self.ignored)

    def _weights(self, given: Rows, pictures: int) -> Array:
        weights: Array = self.row_weights(given).reshape(pictures, -1).sum(axis=1)
        return weights


def over_places(formula: str, x: Spec) -> str:
    """The formula of a picture's loss, from that of one row."""
    return formula if prod(x.spatial) == 1 else f"mean over positions of {formula}"


def per_place(formula: str, x: Spec) -> str:
    """The formula of a picture's gradient, from that of one row."""
    return formula if prod(x.spatial) == 1 else f"{formula} / {prod(x.spatial)} positions"


def unless_one(total: float, dtype: np.dtype[Any]) -> tuple[Factor, ...]:
    """`total` as a factor, left out where it is 1 up to rounding in numbers of `dtype`."""
    near = 16 * float(np.finfo(dtype).eps)
    return () if abs(total - 1) < near else (Factor(total, f"{total:g}"),)


def _only(call: Call, picture: int) -> Call:
    """The call of one picture of the batch."""
    one = slice(picture, picture + 1)
    target = None if call.target is None else call.target[one]
    return replace(call, inputs=(call.x[one],), target=target, output=None)


def _share(weight: float) -> tuple[Factor, ...]:
    return () if weight == 1 else (Factor(1 / weight, f"1/{weight:g}"),)


def _divided(numbers: Array, by: Array) -> Array:
    """The quotient, 0 where it is divided by 0."""
    return np.divide(numbers, by, out=np.zeros_like(numbers), where=by > 0)
