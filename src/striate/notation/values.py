"""Settings as they are written: 5x5, 0.5, 0+1x2+2, yes, same, "any text"."""

from __future__ import annotations

import json
import re

from striate.graph.settings import Setting

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)
PLAIN = re.compile(r"[a-z_][a-z0-9_]*([.-][a-z0-9_]+)*", re.ASCII)
TRUE, FALSE, NONE = ("yes", "true", "on"), ("no", "false", "off"), "none"
LONGEST = 18


def read(text: str, setting: Setting) -> object:
    """The value that `text` stands for, where `setting` is wanted.

    Raises:
        ValueError: it stands for none; the message says why, without a period.
    """
    if text.startswith('"'):
        return _unquoted(text)
    if text[0] in "+-." or text[0].isdigit():
        return _shaped(number(text), setting)
    word = text.lower()
    if word in TRUE + FALSE and setting.accepts(True):
        return word in TRUE
    return None if word == NONE and setting.accepts(None) else word


def _unquoted(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{_short(text)} cannot be read") from None


def _shaped(value: object, setting: Setting) -> object:
    """One number is a row of one where only rows are taken: INPUT 10, table=5, weights=1+2."""
    row = value[0] if isinstance(value, tuple) and len(value) == 1 else value
    for shaped in (value, row, (value,), ((value,),)):
        if setting.accepts(shaped):
            return shaped
    return value


def number(text: str) -> object:
    """A number, several joined by x, or rows of numbers joined by +.

    >>> number("0.5"), number("5x3"), number("0+1x2+2"), number("7+")
    (0.5, (5, 3), ((0, 1), (2, 2)), ((7,),))
    """
    if NUMBER.fullmatch(text):
        return _single(text)
    parts = re.split(r"\s*[x×X]\s*", text)
    if "" in parts:
        raise ValueError(f"{_short(text)} is not a number")
    rows = tuple(_row(part) if "+" in part[1:] else _single(part) for part in parts)
    if any(isinstance(row, tuple) for row in rows):
        return tuple(row if isinstance(row, tuple) else (row,) for row in rows)
    return rows if len(rows) > 1 else rows[0]


def _row(text: str) -> object:
    if NUMBER.fullmatch(text):
        return _single(text)
    return tuple(_single(part) for part in text.removesuffix("+").split("+"))


def _single(text: str) -> int | float:
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{_short(text)} is not a number")
    if not WHOLE.fullmatch(text):
        return float(text)
    if len(text) > LONGEST:
        raise ValueError(f"{_short(text)} is too large")
    return int(text)


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:17]}…"


def write_setting(value: object, setting: Setting, axes: int = 1) -> str:
    """The canonical text of a setting: 1+2+0.5 for numbers per class, else `write`."""
    if isinstance(value, tuple) and setting.accepts((0.5,) * 5):
        return "+".join(map(write, value))
    return write(value, axes)


def write(value: object, axes: int = 1) -> str:
    """The canonical text of a setting; one number is repeated for so many `axes`.

    >>> write(5, axes=2), write(((0, 1), (2, 2))), write(True), write("Any text")
    ('5x5', '0+1x2+2', 'yes', '"Any text"')
    """
    if value is None:
        return NONE
    if isinstance(value, bool):
        return TRUE[0] if value else FALSE[0]
    if isinstance(value, str):
        special = value in (*TRUE, *FALSE, NONE)
        return value if PLAIN.fullmatch(value) and not special else json.dumps(value)
    if isinstance(value, tuple):
        return "x".join(
            _written_row(row) if isinstance(row, tuple) else write(row) for row in value
        )
    # 1e+16 without its sign, which would join a row.
    return "x".join([repr(value).replace("e+", "e")] * axes)


def _written_row(row: tuple[object, ...]) -> str:
    return "+".join(map(write, row)) + ("+" if len(row) == 1 else "")
