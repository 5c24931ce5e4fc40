"""Learning rates: each a pure function of how far the training is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi

from striate.training.recipe import USUAL_STEP_FACTOR, Recipe


def constant(recipe: Recipe, epoch: float, epochs: float) -> float:
    """Always the whole rate."""
    return 1.0


def step(recipe: Recipe, epoch: float, epochs: float) -> float:
    """Times `step_factor` every `step_epochs`."""
    factor = USUAL_STEP_FACTOR if recipe.step_factor is None else recipe.step_factor
    falls: int = int(epoch) // recipe.epochs_per_fall
    return factor**falls


def cosine(recipe: Recipe, epoch: float, epochs: float) -> float:
    """Half a cosine from the whole rate to zero: Loshchilov and Hutter, arXiv:1608.03983, eq. 5."""
    return (1 + cos(pi * min(1.0, epoch / epochs))) / 2


def onecycle(recipe: Recipe, epoch: float, epochs: float) -> float:
    """Up in the first three tenths, down to zero after: Smith and Topin, arXiv:1708.07120."""
    done, peak = min(1.0, epoch / epochs), 0.3
    if done < peak:
        return 0.04 + 0.96 * (1 - cos(pi * done / peak)) / 2
    return (1 + cos(pi * (done - peak) / (1 - peak))) / 2


SHAPES: Mapping[str, Callable[[Recipe, float, float], float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "onecycle": onecycle,
}


def rate(recipe: Recipe, step_number: int, steps_per_epoch: int) -> float:
    """The learning rate of one step, counted from 0, of a run that ends at the earlier end."""
    total = recipe.last_step(steps_per_epoch)
    epoch, epochs = step_number / steps_per_epoch, total / steps_per_epoch
    rising = recipe.warmup * steps_per_epoch
    warm = min(1.0, (step_number + 1) / rising) if rising else 1.0
    return recipe.rate * warm * SHAPES[recipe.schedule](recipe, epoch, epochs)
