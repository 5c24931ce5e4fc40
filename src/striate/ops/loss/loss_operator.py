"""What all losses share: a target, and how much a picture weighs in the mean over a batch.

The loss L[n] of a picture is what PyTorch's reduction "mean" gives for it alone. The mean over a
batch weighs each picture by W[n], which is 1 unless the loss says otherwise:

    Σ_n W[n] · L[n] / Σ_n W[n]
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from striate.errors import SettingError
from striate.graph import Call, Operator, Spec
from striate.ops.arrays import Array


@dataclass(frozen=True)
class LossOperator(Operator):
    """What compares the scores of a network with a target: one number per picture.

    `kept` speaks of usual settings and class numbers; smoothing and weights of classes
    keep an array or two more of the size of the scores.
    """

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    @abstractmethod
    def check_target(self, target: Array | None, scores: tuple[int, ...]) -> Array:
        """`target` in the shape that the loss takes it in, for scores of the shape `scores`.

        Both engines ask here, so that they refuse in the same words.

        Raises:
            SettingError: there is no target, or it does not fit the scores.
        """

    def predicted_target(self, scores: Array) -> Array:
        """The target (1, …) that the scores (classes, …) of one picture speak for."""
        return np.asarray(scores.argmax(axis=0))[None]

    def picture_weights(self, call: Call) -> Array:
        """How much each picture counts in the mean over a batch (N,)."""
        return np.ones(len(call.x), dtype=call.x.dtype)

    def shares(self, call: Call) -> Array:
        """The share (N,) of each picture in the mean over its batch; they sum to 1.

        Raises:
            SettingError: no picture counts.
        """
        weights = self.picture_weights(call)
        if not weights.any():
            raise nothing_counts()
        shares: Array = weights / weights.sum()
        return shares

    def wanted_formula(self, *inputs: Spec) -> str:
        """`formula` for a target that is no single class."""
        return self.formula((), *inputs)


def nothing_counts() -> SettingError:
    """What to say about a batch without a single target that counts."""
    return SettingError(
        "every target of the batch is ignored or of a class that weighs 0, so there is no mean",
        remedy="Leave such pictures out, or make the batch larger.",
    )
