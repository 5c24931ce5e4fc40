"""What the losses of shares share: -Σ q · log p with weights, smoothing and ignored targets.

Of one row, with a class number t or shares q of classes, smoothing ε, K classes and their weights
c (1 where there are none):

    l = Σ_k a[k] · (-log p[k])      a[k] = c[k] · ((1 - ε) · q[k] + ε/K)      q[k] = [k = t]

The shares need not sum to 1. In a mean a class number weighs as much as its class, c[t]; shares
weigh 1; a number that is `ignore_index` weighs 0 and costs nothing. All of it is PyTorch's
definition (torch.nn.CrossEntropyLoss).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from striate.errors import SettingError
from striate.graph import Spec
from striate.ops.arrays import Array
from striate.ops.loss.row_loss import RowLoss, over_places, per_place
from striate.ops.loss.target import IGNORED, Rows


@dataclass(frozen=True)
class ClassLoss(RowLoss):
    """The settings of a loss -Σ q · log p.

    Args:
        smoothing: the share of the target spread over all classes, from 0 up to below 1.
        class_weights: how much each class weighs, 0 or more; None for 1 each.
        ignore_index: a number in place of a class where nothing is to be compared.
    """

    smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    ignore_index: int | None = None

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing)
        check_weights("class weights are", self.class_weights)

    @property
    def ignored(self) -> int | None:
        return self.ignore_index

    @property
    def is_plain(self) -> bool:
        """Whether a class number is all that matters: no smoothing, no weights."""
        return not self.smoothing and self.class_weights is None

    def per_class(self) -> dict[str, tuple[float, ...] | None]:
        return {"class weights": self.class_weights}

    def coefficients(self, given: Rows) -> Array:
        """What each -log p is multiplied by (rows, classes): a, as above."""
        shares = given.smoothed(self.smoothing, 1 / given.scores.shape[1])
        return shares if self.class_weights is None else shares * self._weighing(given)

    def row_weights(self, given: Rows) -> Array:
        if given.values is not None:
            return super().row_weights(given)
        weights: Array = self._weighing(given)[given.classes]
        return np.where(given.classes == IGNORED, 0, weights)

    def mean_formula(self, of_row: str, x: Spec) -> str:
        """The formula of a picture's loss, from that of one row."""
        return f"({of_row}) / Σ w" if self._weighs(x) else over_places(of_row, x)

    def mean_gradient(self, of_row: str, x: Spec) -> str:
        """The formula of a picture's gradient, from that of one row."""
        return f"{of_row} / Σ w" if self._weighs(x) else per_place(of_row, x)

    def _weighs(self, x: Spec) -> bool:
        several = prod(x.spatial) > 1
        return self.class_weights is not None or (several and self.ignore_index is not None)

    @property
    def share(self) -> str:
        """How formulas write the share of class k."""
        return "q[k]" if self.class_weights is None else "c[k] · q[k]"

    def _weighing(self, given: Rows) -> Array:
        classes, dtype = given.scores.shape[1], given.scores.dtype
        return np.broadcast_to(np.array(self.class_weights or 1, dtype), classes)


def check_smoothing(smoothing: float) -> None:
    """Refuse what is no share.

    Raises:
        SettingError: below 0, or 1 and above.
    """
    if not 0 <= smoothing < 1:
        raise SettingError(
            f"label smoothing is {smoothing}", remedy="It is a share: 0 or more, below 1."
        )


def check_weights(name: str, weights: tuple[float, ...] | None) -> None:
    """Refuse what cannot weigh anything.

    Raises:
        SettingError: there are none, one is negative or no finite number, or all are 0.
    """
    if weights is None:
        return
    if not weights or not all(0 <= each < float("inf") for each in weights) or not any(weights):
        raise SettingError(
            f"{name} {', '.join(f'{each:g}' for each in weights) or 'none'}",
            remedy="Give one number per class, 0 or more, not all of them 0.",
        )
