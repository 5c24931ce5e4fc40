"""What a loss compares with: class numbers, or one wanted value per score; and who refuses others.

Scores are (N, C), or (N, C, *positions) where each position of a map or sequence is classified.
Class numbers are then (N, *positions), wanted values are shaped as the scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from striate.display import shape_text
from striate.errors import SettingError
from striate.graph.settings import shown
from striate.ops.arrays import Array

IGNORED = -1
"""The class number of a row that does not count."""


@dataclass(frozen=True)
class Rows:
    """Scores and target side by side: one row per position of every picture, in order.

    Args:
        scores: (rows, classes).
        classes: class numbers (rows,), `IGNORED` where a row does not count.
        values: one wanted value per score (rows, classes), in place of class numbers.
    """

    scores: Array
    classes: Array
    values: Array | None = None

    @cached_property
    def wanted(self) -> Array:
        """One wanted value per score: for a class 1, else 0; nothing where a row is ignored."""
        if self.values is not None:
            return self.values
        return (self.classes[:, None] == np.arange(self.scores.shape[1])).astype(self.scores.dtype)

    def smoothed(self, smoothing: float, level: float) -> Array:
        """(1 - smoothing) · wanted + smoothing · level, in the rows that count."""
        if not smoothing:
            return self.wanted
        found = (1 - smoothing) * self.wanted + smoothing * level
        if self.values is None:
            found[self.classes == IGNORED] = 0
        return found


def rows(scores: Array, target: Array, *, ignored: int | None) -> Rows:
    """`scores` (N, C, *positions) and a target that was checked, as rows."""
    flat = by_row(scores)
    if target.ndim == scores.ndim:
        none = np.empty(0, dtype=np.int64)
        return Rows(flat, none, by_row(target.astype(scores.dtype, copy=False)))
    classes = target.reshape(-1).astype(np.int64)
    if ignored is not None:
        classes = np.where(classes == ignored, IGNORED, classes)
    return Rows(flat, classes)


def by_row(x: Array) -> Array:
    """(N, C, *positions) as (N · positions, C)."""
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])


def check_target(
    target: Array | None,
    scores: tuple[int, ...],
    *,
    ignored: int | None = None,
    values: bool = True,
) -> Array:
    """`target`, with an axis of length 1 for each such axis of the scores.

    Args:
        target: whole numbers (N, *positions), or one real number per score.
        scores: the shape (N, C, *positions) of the scores.
        ignored: a number that may stand in place of a class.
        values: whether one wanted value per score means something.

    Raises:
        SettingError: there is no target, or it has another shape or type, or a class is out of
            range, or a wanted value is not a finite number.
    """
    if target is None:
        raise SettingError("a loss needs a target", remedy="Pass the right class (--target).")
    pictures, classes, *positions = scores
    at, single = (pictures, *positions), prod(positions) == 1
    per_score = target.shape == scores or (single and target.shape == scores[:2])
    if values and per_score and target.dtype.kind in "biuf":
        _check_finite(target)
        return target.reshape(scores)
    if target.dtype.kind in "biu":
        _check_range(target, classes, ignored, _remedy(scores, values))
        if target.shape == at or (single and target.shape == (pictures,)):
            return target.reshape(at)
    raise SettingError(
        f"the target {shown(target.tolist())} names no class",
        where=f"It is {_size(target.shape)} of type {target.dtype}, the scores are "
        f"{_size(scores)} (pictures first).",
        remedy=_remedy(scores, values),
    )


def _check_finite(target: Array) -> None:
    if target.dtype.kind == "f" and not np.isfinite(target).all():
        place = np.argwhere(~np.isfinite(target))[0].tolist()
        raise SettingError(
            f"the target is {target[tuple(place)]} at {place}",
            remedy="Wanted values and shares of classes are finite numbers.",
        )


def _check_range(target: Array, classes: int, ignored: int | None, remedy: str) -> None:
    wrong = (target < 0) | (target >= classes)
    if ignored is not None:
        wrong &= target != ignored
    if wrong.any():
        place = np.argwhere(wrong)[0].tolist()
        raise SettingError(
            f"the target {shown(target.tolist())} names no class",
            where=f"It is {target[tuple(place)]} at {place}.",
            remedy=remedy,
        )


def _remedy(scores: tuple[int, ...], values: bool) -> str:
    pictures, classes, *positions = scores
    one = "picture" if prod(positions) == 1 else f"position ({_size((pictures, *positions))})"
    other = f" Or give one wanted value per score ({_size(scores)})." if values else ""
    return f"Classes are whole numbers from 0 to {classes - 1}, one per {one}.{other}"


def _size(shape: tuple[int, ...]) -> str:
    return shape_text(shape, "a single number")


def score_names(count: int) -> str:
    """Places for the names of all scores in a factor's label, the middle ones left out.

    >>> score_names(3), score_names(1000)
    ('{0}, {1}, {2}', '{0} … {999}')
    """
    if count > 3:
        return f"{{0}} … {{{count - 1}}}"
    return ", ".join(f"{{{place}}}" for place in range(count))
