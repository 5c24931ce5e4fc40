"""Checks of how it learns: the first loss, the rate, and what a run wrote epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

import numpy as np

from striate.diagnosis.evidence import Evidence, Missing
from striate.diagnosis.trial import first_losses
from striate.diagnosis.verdict import Finding

FIRST = (0.5, 2.0)
"""The first loss as a share of -log(1/classes) between which it is as expected; and 0.5 more."""

ROSE = 1.5
"""The loss of the last steps over that of the first, from which the rate is too high."""

FELL, FALLS = 0.005, 0.1
"""How little the loss falls at a rate that is too low, and how much at one that is not."""

SMALLER = tuple(10.0**-k for k in range(1, 9))
LARGER = tuple(10.0**k for k in range(1, 6))
NOTHING = 1e-12
"""Rates that are tried, as shares of that of the recipe."""

GAP = 0.15
"""How much better it is on pictures that it learned from, from which it overfits."""

LAST = 5
"""Steps whose losses are averaged."""


def first_loss(evidence: Evidence) -> Iterator[Finding]:
    """A network that does not begin by guessing: its first loss is far from -log(1/classes)."""
    if not evidence.is_classifier or not (evidence.is_trained or evidence.is_finite):
        return
    if evidence.recipe.start:
        raise Missing("the first weights are learned ones, which do not guess")
    loss, chance = evidence.first_loss, evidence.chance
    least, most = FIRST
    if not least * chance <= loss <= most * chance + 0.5:
        said = (
            f"the first loss is {loss:.3g}, and that of guessing among "
            f"{evidence.classes} classes is {chance:.3g}"
        )
        yield Finding(evidence.graph.scores.name, said, evidence.train(initializer="usual"))


def rate_too_high(evidence: Evidence) -> Iterator[Finding]:
    """A loss that rises, or is no number, at this rate, and falls at a smaller one."""
    recipe = evidence.recipe
    better = evidence.train(learning_rate=recipe.rate / 10)
    if evidence.run is not None and evidence.run.rows:
        losses = evidence.run.column("train_loss")
        if not isfinite(losses[-1]) or losses[-1] > max(evidence.chance, ROSE * min(losses)):
            said = f"the loss is {losses[0]:.3g} in epoch 1 and {losses[-1]:.3g} in the last"
            yield Finding("", f"{said}, {len(losses)}, at a rate of {recipe.rate:.3g}", better)
        return
    _check_untrained(evidence)
    if recipe.warmup or recipe.schedule == "onecycle":
        raise Missing("the rate rises slowly here: needs a run folder")
    losses = first_losses(evidence, 1.0)
    if not _rises(losses):
        return
    for factor in SMALLER:
        slow = first_losses(evidence, factor)
        if not _rises(slow):
            rate = recipe.rate * factor
            said = (
                f"{len(losses)} steps of {recipe.optimizer} at {recipe.rate:.3g} take the loss "
                f"from {losses[0]:.3g} to {losses[-1]:.3g}; at {rate:.3g} to {_end(slow):.3g}"
            )
            yield Finding("", said, evidence.train(learning_rate=rate))
            return


def rate_too_low(evidence: Evidence) -> Iterator[Finding]:
    """A loss that hardly falls at this rate, and falls at a larger one.

    It is compared with that of the same batches while nothing is learned.
    """
    if evidence.run is not None and evidence.run.rows and _fell(evidence.run.column("train_loss")):
        return
    if evidence.run is None:
        _check_untrained(evidence)
    still, losses = first_losses(evidence, NOTHING), first_losses(evidence, 1.0)
    if not isfinite(still[-1]) or not -FELL < _better(losses, still) < FELL:
        return
    rate = evidence.recipe.rate
    for factor in LARGER:
        fast = first_losses(evidence, factor)
        if _better(fast, still) > FALLS:
            said = (
                f"{len(losses)} steps of {evidence.recipe.optimizer} at {rate:.3g} lower the loss "
                f"of {_end(still):.4g} to {_end(losses):.4g}; at {rate * factor:.3g} to "
                f"{_end(fast):.3g}"
            )
            yield Finding("", said, evidence.train(learning_rate=rate * factor))
            return


def _better(losses: list[float], still: list[float]) -> float:
    """How much lower the last losses are than without learning, as a share of those."""
    if len(losses) < len(still) or not isfinite(losses[-1]):
        return -1.0
    return 1 - _end(losses) / _end(still)


def _check_untrained(evidence: Evidence) -> None:
    """Trials say nothing of a model that learned well enough to be kept."""
    if evidence.is_trained:
        raise Missing("needs the run folder")


def _rises(losses: list[float]) -> bool:
    return not isfinite(losses[-1]) or _end(losses) > ROSE * losses[0]


def _end(losses: list[float]) -> float:
    return float(np.mean(losses[-LAST:]))


def _fell(losses: list[float]) -> bool:
    return 1 - losses[-1] / max(losses[0], 1e-30) > FALLS


def overfitting(evidence: Evidence) -> Iterator[Finding]:
    """Far better on the pictures it learned from than on others."""
    learned, unseen, numbers = _both(evidence)
    if learned - unseen > GAP:
        said = f"{learned:.1%} of the training pictures are right and {unseen:.1%} of {numbers}"
        more = {"weight_decay": 1e-3, "shift": 1, "rotate": 10}
        yield Finding("", said, evidence.train(**more))


def _both(evidence: Evidence) -> tuple[float, float, str]:
    """The share that is right of pictures learned from, of others, and which those are."""
    if evidence.run is not None:
        learned = evidence.run.column("train_accuracy")
        unseen = evidence.run.column("validation_accuracy")
        if learned and unseen:
            return learned[-1], unseen[-1], "the validation pictures in the last epoch"
    if not evidence.is_trained:
        raise Missing("needs a trained network")
    data = evidence.pictures.data
    others = data.validation or data.test
    if others is None or not len(others):
        raise Missing("needs pictures that it has not learned from")
    return evidence.share_right(data.train), evidence.share_right(others), "others"
