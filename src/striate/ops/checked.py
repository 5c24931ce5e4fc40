"""What operators check about settings that are plain numbers."""

from __future__ import annotations

from math import isfinite

import numpy as np

from striate.display import shape_text
from striate.errors import SettingError
from striate.ops.arrays import Array


def tokens(x: Array, count: int) -> Array:
    """Numbers as tokens.

    Raises:
        SettingError: one is no whole number from 0 to below `count`; the first such is named.
    """
    found: Array = np.round(x)
    wrong = (np.abs(x - found) > NEARLY) | ~((found >= 0) & (found < count))
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        raise SettingError(
            f"{x[place]:g} is not a token, at place {','.join(map(str, place[1:]))} of sequence "
            f"{place[0]}",
            remedy=f"Tokens are whole numbers from 0 to {count - 1}.",
        )
    return found.astype(np.int64)


NEARLY = 1e-3
"""How far a token may lie from a whole number."""


def lengths(what: str, size: tuple[int, ...], example: str) -> None:
    """Refuse a size without an axis, or with one that has no length.

    Raises:
        SettingError: it is empty.
    """
    if not size or any(type(n) is not int or n < 1 for n in size):
        what = f"{what} of {shape_text(size, 'nothing')} is empty"
        raise SettingError(what, remedy=f"Write sizes of 1 or more: {example}.")


def finite(name: str, value: float, usual: float) -> None:
    """Refuse what is not a number of the real line.

    Raises:
        SettingError: not a number, or infinite.
    """
    if not isfinite(value):
        raise SettingError(f"{name} is {value}", remedy=f"Give a number; {usual:g} is usual.")


def positive(name: str, value: float, usual: float) -> None:
    """Refuse what is not above zero.

    Raises:
        SettingError: zero, below it, or no number.
    """
    if not (isfinite(value) and value > 0):
        remedy = f"Give a number above 0; {usual:g} is usual."
        raise SettingError(f"{name} is {value}", remedy=remedy)


def not_negative(name: str, value: float, usual: float) -> None:
    """Refuse what is below zero.

    Raises:
        SettingError: below zero, or no number.
    """
    if not (isfinite(value) and value >= 0):
        remedy = f"Give a number of 0 or more; {usual:g} is usual."
        raise SettingError(f"{name} is {value}", remedy=remedy)


def count(name: str, value: int, usual: int) -> None:
    """Refuse what is not a whole number of at least one.

    Raises:
        SettingError: zero, below it, or no whole number.
    """
    if type(value) is not int or value < 1:
        what = f"{name} is {value}, but it needs a whole number of 1 or more"
        raise SettingError(what, remedy=f"Give a whole number; {usual} is usual.")
