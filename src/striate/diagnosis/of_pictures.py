"""Checks of the pictures: how they enter, whose labels they have, how many there are."""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np

from striate.data.dataset import Split
from striate.data.pictures import FEW
from striate.diagnosis.evidence import SAMPLE, Evidence, spread
from striate.diagnosis.verdict import Finding
from striate.ops.arrays import Array

OFF_CENTER = 0.75
"""|mean| of an input channel, in its deviations or absolute, from which it is not normalized."""

NARROW, WIDE = 0.4, 2.5
"""Deviations of an input channel between which it counts as normalized."""

SURE = 4.0
"""Deviations of a binomial count above chance that show that labels belong to pictures."""

LEAKED = 0.005
"""The share of pictures to judge by that equal one to learn from, from which it is a verdict."""


def not_normalized(evidence: Evidence) -> Iterator[Finding]:
    """Channels of the input that are far from mean 0 and deviation 1."""
    pictures = evidence.pictures
    x = evidence.probe.x.astype(np.float64)
    means, stds = x.mean(axis=(0, 2, 3)), x.std(axis=(0, 2, 3))
    off = (np.abs(means) > OFF_CENTER) | (stds > WIDE) | ((stds < NARROW) & (stds > 0))
    if off.any():
        worst = int(np.argmax(off))
        said = (
            f"channel {worst} of the input has mean {means[worst]:.3g} and deviation "
            f"{stds[worst]:.3g} over {len(x):,} pictures of {pictures.data.name}"
        )
        yield Finding(evidence.graph.inputs[0].name, said, evidence.train(normalize="yes"))


def shuffled(evidence: Evidence) -> Iterator[Finding]:
    """Labels that nearest pictures share no more often than by chance."""
    pictures = evidence.pictures
    some = spread(pictures.data.train, SAMPLE)
    counts = np.bincount(some.labels, minlength=len(pictures.data.classes))
    if len(some) < 50 or np.count_nonzero(counts) < 2:
        return
    agree = float((some.labels[nearest(some)] == some.labels).mean())
    chance = float(((counts / len(some)) ** 2).sum())
    sure = chance + SURE * sqrt(chance * (1 - chance) / len(some))
    if agree <= sure and not _has_learned(evidence, chance):
        said = (
            f"of {len(some):,} pictures {agree:.1%} have the class of the picture nearest to them; "
            f"by chance {chance:.1%} would"
        )
        yield Finding("", said, f"striate data {pictures.called}")


def nearest(split: Split) -> Array:
    """For each picture the number of the nearest other one, by the squares of its pixels."""
    flat = np.asarray(split.images, dtype=np.float32).reshape(len(split), -1)
    flat -= flat.mean(axis=0)
    squares = (flat * flat).sum(axis=1)
    distances = squares[None] + squares[:, None] - 2 * flat @ flat.T
    distances[distances < 1e-3] = np.inf  # equal pictures, and the picture itself
    np.fill_diagonal(distances, np.inf)
    found: Array = distances.argmin(axis=1)
    return found


def _has_learned(evidence: Evidence, chance: float) -> bool:
    """Whether the network is right about pictures that it did not learn from."""
    data = evidence.pictures.data
    unseen = data.validation or data.test
    if not evidence.is_trained or unseen is None or len(unseen) < 20:
        return False
    return evidence.share_right(unseen) > chance + SURE * sqrt(chance * (1 - chance) / len(unseen))


def too_few(evidence: Evidence) -> Iterator[Finding]:
    """Classes with too few pictures to learn from."""
    data = evidence.pictures.data
    counts = np.bincount(data.train.labels, minlength=len(data.classes))
    thin = np.flatnonzero(counts < FEW)
    if len(thin):
        least = int(counts.argmin())
        said = (
            f"{len(thin)} of {len(counts)} classes have fewer than {FEW} pictures to learn from; "
            f"{data.classes[least]} has {counts[least]}"
        )
        yield Finding("", said, evidence.train(shift=1, rotate=10, scale=0.1))


def leaking(evidence: Evidence) -> Iterator[Finding]:
    """Pictures to judge by that equal one to learn from."""
    pictures = evidence.pictures
    for leak in pictures.twins.leaks:
        if leak.pictures > LEAKED * leak.of:
            yield Finding("", str(leak).partition(": a leak")[0], f"striate data {pictures.called}")
