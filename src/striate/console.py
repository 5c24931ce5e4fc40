"""A console on which whatever is printed can be seen, and acts on nothing.

Names of files, classes and nodes come from elsewhere, and may hold what a terminal obeys.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO

from rich.console import Console as RichConsole
from rich.text import Text

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
        with naming(self.file):
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


@contextmanager
def naming(stream: IO[str]) -> Iterator[None]:
    """Around writing: an error names the stream, which the system's own does not.

    Raises:
        OSError: it cannot be written.
    """
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
