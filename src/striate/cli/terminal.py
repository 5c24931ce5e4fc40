"""How answers look: tables and numbers for a person, JSON for a program."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, TextIO

from rich import box
from rich.console import Console as RichConsole
from rich.table import Table
from rich.text import Text

from striate.memory import size as size

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls; ESC begins what a terminal obeys
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # order of writing turned around
    "\u200b\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # breaks, and nothing at all
    "\ud800-\udfff]"  # bytes of a file's name that are no UTF-8
)
"""What is not a character to be seen. New lines and tabs stay, and what joins letters."""


def visible(text: str) -> str:
    """`text` with escapes in place of what would act on the terminal instead of being seen.

    >>> visible("red \\x1b[31m, \\u202egnp.exe, caf\\udce9, café")
    'red \\\\x1b[31m, \\\\u202egnp.exe, caf\\\\xe9, café'
    """
    return HIDDEN.sub(lambda found: _escape(ord(found[0])), text)


def _escape(character: int) -> str:
    if 0xDC80 <= character <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        return f"\\x{character - 0xDC00:02x}"
    return chr(character).encode("unicode_escape").decode()


class Console(RichConsole):
    """A console on which whatever is printed can be seen, and acts on nothing."""

    def render_str(self, text: str, **settings: Any) -> Text:
        """Every string that is printed or stands in a table comes through here."""
        return super().render_str(visible(text), **settings)

    def print(self, *objects: Any, **settings: Any) -> None:
        """As rich prints; what cannot be written says where to."""
        with _naming(self.file):
            super().print(*objects, **settings)

    def on_broken_pipe(self) -> None:
        """The reader has left; rich would end the program with 1, which is an answer."""
        raise BrokenPipeError


def console(*, error: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for everything when there is none."""
    stream = sys.stderr if error else sys.stdout
    width = shutil.get_terminal_size().columns if stream.isatty() else 200
    return Console(
        file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False
    )


def say(text: str, *, error: bool = False) -> None:
    """A line on standard output, or on standard error."""
    write(f"{visible(text)}\n", sys.stderr if error else sys.stdout)


def write(text: str, stream: TextIO) -> None:
    """`text` as it is, at once."""
    with _naming(stream):
        stream.write(text)
        stream.flush()


@contextmanager
def _naming(stream: IO[str]) -> Iterator[None]:
    """Let an error of writing name the stream: the system's own does not."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        name = "standard error" if stream is sys.stderr else "standard output"
        raise OSError(error.errno, error.strerror, name) from None


def hush(stream: TextIO) -> None:
    """Let whatever else is written to a standard stream vanish: its reader has left."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
