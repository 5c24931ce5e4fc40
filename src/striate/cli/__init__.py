"""The command line: one file a verb. Only this room prints."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

DONE, NO, WRONG, INTERRUPTED, HUNG_UP = 0, 1, 2, 130, 141
"""The exit codes of every verb: done; the answer is no; the request was wrong; and what a shell
says of a program that Ctrl-C ended, or a pipe whose reader has left."""


def main() -> None:
    """Run one command and leave with its exit code.

    Nothing else is imported before Ctrl-C has an answer.
    """
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        from striate.cli.command import reopen_closed, run

        reopen_closed()
        code = run()
    finally:
        signal.signal(signal.SIGINT, before)
    sys.exit(code)


def script() -> None:
    """`main` as a program of its own: once it has answered, Ctrl-C finds nothing to interrupt."""
    try:
        main()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; but leave at once while a module is imported.

    There an exception can be swallowed, or leave half a module behind that fails in other words.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            if os.isatty(1):
                os.write(1, b"\x1b[?25h")  # a progress display hides the cursor
            os.write(2, b"interrupted\n")
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt
