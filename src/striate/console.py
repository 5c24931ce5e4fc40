"""A console on which whatever is printed can be seen, and acts on nothing.

Names of files, classes and nodes come from elsewhere, and may hold what a terminal obeys.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, TextIO

from rich.console import Console as RichConsole
from rich.text import Text

from striate.display import visible


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
