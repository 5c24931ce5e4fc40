"""Showing a place in a text: the line, and a caret under what is meant."""

from __future__ import annotations

import unicodedata

from striate.errors import NotationError, StriateError
from striate.notation.syntax import TextSpan

WIDTH = 96


def fault(text: str, span: TextSpan, what: str, remedy: str = "") -> NotationError:
    """An error about `span` of `text`."""
    line = text.count("\n", 0, span.start) + 1
    column = span.start - (text.rfind("\n", 0, span.start) + 1) + 1
    return NotationError(what, where=marked(text, span), remedy=remedy, line=line, column=column)


def placed(text: str, span: TextSpan, error: StriateError) -> StriateError:
    """`error` about an operator, with the line it stands in before the way to it."""
    where = "\n".join(part for part in (marked(text, span), error.where) if part)
    return type(error)(error.what, where=where, remedy=error.remedy)


def marked(text: str, span: TextSpan) -> str:
    """The line with carets below; a long line is shown around them.

    >>> print(marked("INPUT 1x28x28 -> CONVV 6", TextSpan(17, 22)))
    INPUT 1x28x28 -> CONVV 6
                     ^^^^^
    """
    if not text.strip():
        return ""
    first = text.rfind("\n", 0, span.start) + 1
    last = text.find("\n", first)
    line = text[first:] if last < 0 else text[first:last]
    start = span.start - first
    length = max(1, min(span.end - first, len(line)) - start)
    left = max(0, min(start - WIDTH // 3, len(line) - WIDTH)) if len(line) > WIDTH else 0
    right = left + WIDTH
    length = min(length, right - start)
    before, after = "…" * (left > 0), "…" * (right < len(line))
    shown = "".join(
        each if each.isprintable() else "·" for each in line[left:right].replace("\t", " ")
    )
    at = start - left
    margin = " " * (len(before) + _cells(shown[:at]))
    carets = "^" * max(length, _cells(shown[at : at + length]))
    return f"{before}{shown}{after}".rstrip() + f"\n{margin}{carets}"


def _cells(text: str) -> int:
    """How many columns of a terminal `text` takes: Chinese letters take two, marks none.

    >>> _cells("conv"), _cells("卷积"), _cells("e\u0301")
    (4, 4, 1)
    """
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) > 0 for each in text)
