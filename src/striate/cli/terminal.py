"""How answers look: tables and numbers for a person, JSON for a program."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich import box
from rich.table import Table

from striate.console import HIDDEN, naming
from striate.console import console as console
from striate.console import hush as hush
from striate.console import visible as visible
from striate.memory import size as size


def say(text: str, *, error: bool = False) -> None:
    """A line on standard output, or on standard error."""
    write(f"{visible(text)}\n", sys.stderr if error else sys.stdout)


def write(text: str, stream: TextIO) -> None:
    """`text` as it is, at once."""
    with naming(stream):
        stream.write(text)
        stream.flush()


def print_json(answer: Mapping[str, object]) -> None:
    """One line of JSON on standard output; never NaN, which JSON does not have."""
    text = json.dumps(_finite(answer), ensure_ascii=False, allow_nan=False)
    write(HIDDEN.sub(_json_escape, text) + "\n", sys.stdout)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4))


def _finite(value: object) -> object:
    """`value` with numbers that JSON cannot hold written as text."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def grid(
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    left: Sequence[int] = (0,),
    footer: Sequence[str] = (),
) -> Table:
    """A plain table: numbers to the right, the columns in `left` to the left."""
    made = Table(box=box.SIMPLE, show_footer=bool(footer), pad_edge=False, header_style="bold")
    for k, heading in enumerate(headings):
        made.add_column(
            heading,
            footer=footer[k] if footer else "",
            justify="left" if k in left else "right",
            no_wrap=k not in left,
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(cell.replace("\n", "\\n") for cell in row))
    return made


def count(number: int) -> str:
    """A whole number with thousands apart; a dot for zero, so that what counts stands out."""
    return f"{number:,}" if number else "·"
