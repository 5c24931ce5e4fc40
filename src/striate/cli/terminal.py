"""How answers look: tables and numbers for a person, JSON for a program."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table


def console(*, error: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for everything when there is none."""
    stream = sys.stderr if error else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else 200
    return Console(file=stream, width=width, highlight=False, markup=False, soft_wrap=False)


def print_json(answer: Mapping[str, object]) -> None:
    """One line of JSON on standard output; never NaN, which JSON does not have."""
    sys.stdout.write(json.dumps(_finite(answer), ensure_ascii=False, allow_nan=False) + "\n")


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
        made.add_row(*row)
    return made


def count(number: int) -> str:
    """A whole number with thousands apart; a dot for zero, so that what counts stands out."""
    return f"{number:,}" if number else "·"


def size(number: float) -> str:
    """Bytes with a unit.

    >>> size(512), size(3_200_000)
    ('512 B', '3.1 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(7.25), duration(200), duration(8000)
    ('7.2 s', '3 min 20 s', '2 h 13 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
