"""Figures of merit, each from counts: precision and recall, calibration, and how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Equally wide bins of the calibration error, as in Guo et al., arXiv:1706.04599, section 2."""

RESAMPLES = 1000
COVERAGE = 0.95
"""Of an interval."""


@dataclass(frozen=True)
class ClassScores:
    """How a class was told from the others; None where there is nothing to divide by.

    Args:
        pictures: of the class.
        precision: share of the pictures that were called it, that are it.
        recall: share of its pictures that were called it.
        f1: harmonic mean of both: 2 right / (its pictures + those called it).
    """

    name: str
    pictures: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Bin:
    """Pictures whose answers were about equally sure.

    Args:
        low, high: of the probability that the model gave its answer.
        confidence: its mean.
        accuracy: share of right answers.
    """

    low: float
    high: float
    pictures: int
    confidence: float
    accuracy: float


def class_scores(confusion: NDArray[Any], classes: tuple[str, ...]) -> tuple[ClassScores, ...]:
    """Precision, recall and F1 of each class, from pictures by [true class, guessed class].

    >>> [one, other] = class_scores(np.array([[3, 1], [0, 0]]), ("a", "b"))
    >>> one.precision, one.recall, round(one.f1, 3), other.recall, other.f1
    (1.0, 0.75, 0.857, None, 0.0)
    """
    right = np.diag(confusion)
    are, called = confusion.sum(axis=1), confusion.sum(axis=0)
    return tuple(
        ClassScores(name, int(n), _share(r, c), _share(r, n), _share(2 * r, n + c))
        for name, r, n, c in zip(classes, right, are, called, strict=True)
    )


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def accuracy_of(confusion: NDArray[Any]) -> float:
    """Share of right answers."""
    return float(np.trace(confusion) / confusion.sum())


def macro_f1(confusion: NDArray[Any]) -> float:
    """Mean F1 of the classes that occur, as truth or as answer: each counts the same.

    >>> macro_f1(np.array([[3, 1], [0, 0]])) == (6 / 7 + 0) / 2
    True
    """
    whole = confusion.sum(axis=0) + confusion.sum(axis=1)
    occurs = whole > 0
    return float((2 * np.diag(confusion)[occurs] / whole[occurs]).mean())


def reliability(confidences: NDArray[Any], right: NDArray[Any]) -> tuple[Bin, ...]:
    """The bins that hold pictures, by how sure the answers were; (low, high] each.

    Args:
        confidences: the probability of each answer (N,).
        right: whether each answer was (N,).
    """
    place = np.clip(np.ceil(confidences * BINS).astype(int) - 1, 0, BINS - 1)
    found = []
    for k in np.unique(place):
        inside = place == k
        confidence, accuracy = confidences[inside].mean(), right[inside].mean()
        found.append(
            Bin(k / BINS, (k + 1) / BINS, int(inside.sum()), float(confidence), float(accuracy))
        )
    return tuple(found)


def calibration_error(bins: tuple[Bin, ...]) -> float:
    """The expected calibration error: mean distance of accuracy and confidence, by pictures.

    Guo et al., arXiv:1706.04599, equation 3.

    >>> calibration_error((Bin(0.6, 0.7, 1, 0.625, 1.0), Bin(0.9, 1.0, 3, 1.0, 0.5)))
    0.46875
    """
    pictures = sum(each.pictures for each in bins)
    return sum(each.pictures * abs(each.accuracy - each.confidence) for each in bins) / pictures


def interval(
    confusion: NDArray[Any], figure: Callable[[NDArray[Any]], float], seed: int = 0
) -> tuple[float, float]:
    """Between what bounds a figure falls for 95 % of other draws of as many pictures.

    The percentile bootstrap (Efron and Tibshirani 1993, section 13.3). A draw of pictures with
    replacement is a multinomial draw of counts, so that no picture is looked at again.

    Args:
        figure: of pictures by [true class, guessed class].
        seed: of the draws; the same gives the same bounds.
    """
    random = np.random.default_rng(seed)
    cells = np.nonzero(confusion)
    pictures = int(confusion.sum())
    shares = confusion[cells] / pictures
    drawn = np.zeros_like(confusion)
    found = []
    for _ in range(RESAMPLES):
        drawn[cells] = random.multinomial(pictures, shares)
        found.append(figure(drawn))
    low, high = np.quantile(found, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)
