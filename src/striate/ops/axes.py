"""Axes that a setting names: which they are, and what lies along them.

One is given by name or number, several in one text ("row column") or tuple.
"""

from __future__ import annotations

import re
from typing import TypeAlias, TypeVar

from striate.errors import SettingError, ShapeError
from striate.graph import Field, Index, Reach, Routes, Spec

Axes: TypeAlias = str | int | tuple[str | int, ...]

T = TypeVar("T")

_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def written_once(axes: Axes) -> str | int:
    """One way to write the same axes: a text of several, a name or a number of one.

    >>> written_once("row  column"), written_once(("row", 2)), written_once("-1")
    ('row column', 'row 2', -1)

    Raises:
        SettingError: a text without a word.
    """
    words = _words(axes)
    if not words:
        remedy = 'Name one (axis=row) or several (axis="row column").'
        raise SettingError("axis names no axis", remedy=remedy)
    return words[0] if len(words) == 1 else " ".join(map(str, words))


def numbers(axes: Axes, x: Spec) -> tuple[int, ...]:
    """The numbers of the axes of `x`, in order.

    Raises:
        ShapeError: there is no such axis, or one is named twice.
    """
    found = [x.axis(word) for word in _words(axes)]
    if len(set(found)) < len(found):
        raise ShapeError(
            f"{{self}} names an axis of {x} twice: {axes}",
            remedy=f"Name each once; {x} has {', '.join(x.axes)}.",
        )
    return tuple(sorted(found))


def field_of(x: Spec, over: tuple[int, ...]) -> Field:
    """What an output sees that every cell along the axes `over` moves."""
    if len(over) == x.rank:
        return Reach.EVERYTHING
    return Routes.straight(x.rank, dict.fromkeys(over))


def line(index: Index, axis: int, length: int) -> list[Index]:
    """The indices along an axis of that length, through `index`."""
    return [replaced(index, axis, k) for k in range(length)]


def replaced(index: tuple[T, ...], axis: int, place: T) -> tuple[T, ...]:
    """`index` with another place on one axis."""
    return (*index[:axis], place, *index[axis + 1 :])


def _words(axes: Axes) -> list[str | int]:
    """The names and numbers, each by itself."""
    if isinstance(axes, int):
        return [axes]
    parts = axes.split() if isinstance(axes, str) else map(str, axes)
    return [int(each) if _NUMBER.fullmatch(each) else each for each in parts]
