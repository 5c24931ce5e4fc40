"""When to end: patience with validation pictures that no longer improve."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from striate.training.recipe import Recipe

THRESHOLD, INCREASE = 0.995, 2
"""The older patience: an error below 99.5 % of the best doubles the steps that are allowed."""


@dataclass(frozen=True)
class PatienceState:
    """The best look at the validation pictures so far, and what it allows.

    Args:
        best_epoch: counted from 1; 0 before the first look.
        best_accuracy, best_loss: of that epoch; of equal accuracies the lower loss is better.
        lowest_error: the error the older patience compares with.
        allowed_steps: steps the older patience allows.
        is_best: whether the last look was the best.
    """

    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = float("inf")
    lowest_error: float = float("inf")
    allowed_steps: int = 0
    is_best: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


Look: TypeAlias = tuple[float, float]
"""Accuracy and mean loss of the validation pictures."""


def looked(
    before: PatienceState, recipe: Recipe, epoch: int, steps: int, look: Look | None
) -> PatienceState:
    """The progress after `epoch` epochs and `steps` steps.

    Without validation pictures there is no `look`, and the last weights count as the best.
    """
    if look is None:
        return replace(before, is_best=True, best_epoch=epoch)
    accuracy, loss = look
    better = (accuracy, -loss) > (before.best_accuracy, -before.best_loss)
    after = replace(before, is_best=better)
    if better:
        after = replace(after, best_epoch=epoch, best_accuracy=accuracy, best_loss=loss)
    error = 1 - accuracy
    allowed = before.allowed_steps or recipe.patience_steps
    if error < before.lowest_error:
        if error < THRESHOLD * before.lowest_error:
            allowed = max(allowed, INCREASE * steps)
        after = replace(after, lowest_error=error)
    return replace(after, allowed_steps=allowed)


def is_over(progress: PatienceState, recipe: Recipe, epoch: int, steps: int) -> bool:
    """Whether training ends after `epoch` epochs and `steps` steps."""
    if epoch >= recipe.epochs or (recipe.steps and steps >= recipe.steps):
        return True
    if recipe.patience and epoch - progress.best_epoch >= recipe.patience:
        return True
    return bool(recipe.patience_steps) and steps >= progress.allowed_steps
