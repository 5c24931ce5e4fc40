"""Early stopping, in epochs and in the older form."""

from __future__ import annotations

from striate.training import Recipe
from striate.training.patience import PatienceState, is_over, looked


def _follow(recipe: Recipe, accuracies: list[float], steps: int = 10) -> tuple[int, PatienceState]:
    """The epoch that is the last, and the progress then; losses fall with accuracy."""
    progress = PatienceState()
    for epoch, accuracy in enumerate(accuracies, 1):
        progress = looked(progress, recipe, epoch, epoch * steps, (accuracy, 1 - accuracy))
        if is_over(progress, recipe, epoch, epoch * steps):
            return epoch, progress
    return 0, progress


def test_patience_counts_from_the_best_epoch() -> None:
    recipe = Recipe(epochs=50, patience=3)
    last, progress = _follow(recipe, [0.5, 0.7, 0.6, 0.8, 0.7, 0.8, 0.6, 0.9])
    assert (last, progress.best_epoch, progress.best_accuracy) == (7, 4, 0.8)


def test_no_patience_means_all_epochs() -> None:
    last, progress = _follow(Recipe(epochs=6), [0.5] + [0.4] * 9)
    assert (last, progress.best_epoch) == (6, 1)


def test_of_equal_accuracies_the_lower_loss_is_better() -> None:
    recipe = Recipe()
    first = looked(PatienceState(), recipe, 1, 10, (0.5, 2.0))
    worse = looked(first, recipe, 2, 20, (0.5, 2.1))
    better = looked(worse, recipe, 3, 30, (0.5, 1.9))
    assert (first.is_best, worse.is_best, better.is_best) == (True, False, True)
    assert better.best_epoch == 3


def test_a_loss_that_is_no_number_is_never_better() -> None:
    first = looked(PatienceState(), Recipe(), 1, 10, (0.5, 2.0))
    assert not looked(first, Recipe(), 2, 20, (0.5, float("nan"))).is_best


def test_the_older_patience_doubles_when_the_error_falls_enough() -> None:
    recipe = Recipe(epochs=50, patience_steps=25)
    # Errors 0.5, 0.4 (enough: 2 * 20 steps), 0.399 (0.25 % less: not enough), then no better.
    last, progress = _follow(recipe, [0.5, 0.6, 0.601, 0.6, 0.6, 0.6])
    assert last == 4
    assert progress.allowed_steps == 40
    assert progress.best_epoch == 3


def test_steps_are_an_end_too() -> None:
    assert _follow(Recipe(epochs=50, steps=30), [0.1] * 9)[0] == 3


def test_without_a_look_the_last_weights_are_the_best() -> None:
    recipe = Recipe(epochs=3)
    progress = PatienceState()
    for epoch in (1, 2, 3):
        progress = looked(progress, recipe, epoch, 10 * epoch, None)
        assert (progress.is_best, progress.best_epoch) == (True, epoch)
        assert is_over(progress, recipe, epoch, 10 * epoch) == (epoch == 3)
