"""Showing a place in a text: the line, and a caret under what is meant."""

from __future__ import annotations

from striate.errors import NotationError, StriateError
from striate.notation.syntax import Span

WIDTH = 96


def fault(text: str, span: Span, what: str, remedy: str = "") -> NotationError:
    """An error about `span` of `text`."""
    line = text.count("\n", 0, span.start) + 1
    column = span.start - (text.rfind("\n", 0, span.start) + 1) + 1
    return NotationError(what, where=marked(text, span), remedy=remedy, line=line, column=column)


def placed(text: str, span: Span, error: StriateError) -> StriateError:
    """`error` about an operator, with the line it stands in before the way to it."""
    where = "\n".join(part for part in (marked(text, span), error.where) if part)
    return type(error)(error.what, where=where, remedy=error.remedy)


def marked(text: str, span: Span) -> str:
    """The line with carets below; a long line is shown around them.

    >>> print(marked("INPUT 1x28x28 -> CONVV 6", Span(17, 22)))
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
    return (
        f"{before}{shown}{after}".rstrip()
        + "\n"
        + " " * (len(before) + start - left)
        + "^" * length
    )
