"""The first steps of a run, tried from first weights: what the learning rate does."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np

from striate.diagnosis.evidence import Evidence, Missing
from striate.training.loop import Session
from striate.training.recipe import Recipe
from striate.training.run_folder import RunFolder

STEPS = 30

MOST_WORK = 1e12
"""Multiply-adds of one trial, backward included: some tens of seconds on two cores."""


def first_losses(evidence: Evidence, factor: float) -> list[float]:
    """The losses of the first steps from first weights, at `factor` times the rate.

    They end where one is no finite number.

    Raises:
        Missing: there are no pictures, or the network is too large to be tried in a moment.
    """
    pictures, recipe = evidence.pictures, evidence.recipe
    batch = min(recipe.batch_size, len(pictures.data.train))
    if 3 * evidence.graph.multiply_adds * batch * STEPS > MOST_WORK:
        raise Missing("the network is too large to try some steps in a moment")
    rows = np.arange(min(len(pictures.data.train), batch * STEPS))
    rows = np.random.default_rng(recipe.seed).permutation(len(pictures.data.train))[: len(rows)]
    data = replace(pictures.data, train=pictures.data.train.take(rows))
    session = Session(
        evidence.graph,
        data,
        _steady(recipe, recipe.rate * factor),
        RunFolder(Path()),
        lambda event: None,
        evidence.first,
        preprocessing=pictures.preprocessing,
    )
    return _losses(session)


def _losses(session: Session) -> list[float]:
    losses: list[float] = []
    session.module.train()
    epoch = 0
    while len(losses) < STEPS:
        for x, y in session.batches.epoch(epoch):
            loss = float(session.step(x, y, 0)[0])
            losses.append(loss)
            if not isfinite(loss) or len(losses) == STEPS:
                return losses
        epoch += 1
    return losses


def _steady(recipe: Recipe, rate: float) -> Recipe:
    """The recipe at one rate, without what ends a run early."""
    return replace(
        recipe,
        learning_rate=rate,
        schedule="constant",
        step_epochs=None,
        step_factor=None,
        warmup=0.0,
        epochs=1,
        steps=0,
        patience=0,
        patience_steps=0,
    )
