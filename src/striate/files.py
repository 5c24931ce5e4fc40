"""The one door for files that this process did not just write.

A file may have been put there, cut off or exchanged by anybody: what is opened is a regular file
of no more than a stated size, and whatever goes wrong is said with the path.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from striate.errors import StriateError

MOST_TEXT = 8_000_000
"""Bytes of a file that a person may have written: a network, settings, choices."""

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


@contextmanager
def opened(path: Path | str, error: type[StriateError], *, most: int) -> Iterator[BinaryIO]:
    """A regular file of at most `most` bytes, open for reading; links are followed.

    A pipe is not waited for, and a device is not touched.

    Args:
        error: the class of what is raised; what `open` and reading inside the block raise as
            `OSError` becomes one too.

    Raises:
        StriateError: of the class `error`; the path and the reason are named.
    """
    try:
        _check(os.stat(path), path, error, most)
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            _check(os.fstat(file.fileno()), path, error, most)  # it may have been exchanged since
            yield file
    except FileNotFoundError:
        raise error(f"{path} is missing", remedy=_dangling(path)) from None
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror or problem}") from None
    except ValueError as problem:
        if "null byte" not in str(problem) and not isinstance(problem, UnicodeEncodeError):
            raise
        raise error(f"{str(path)!r} is not the name of a file") from None


def read_bytes(path: Path | str, error: type[StriateError], *, most: int) -> bytes:
    """All bytes of a regular file of at most `most`.

    Raises:
        StriateError: of the class `error`; see `opened`.
    """
    with opened(path, error, most=most) as file:
        content = file.read(most + 1)  # /proc has files that claim to be empty, others grow
    if len(content) > most:
        raise error(f"{path} is larger than {most:,} bytes")
    return content


def read_text(path: Path | str, error: type[StriateError], *, most: int = MOST_TEXT) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        StriateError: of the class `error`; see `opened`.
    """
    content = read_bytes(path, error, most=most)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        byte = content[problem.start]
        raise error(
            f"{path} cannot be read as text: byte {problem.start:,} is {byte:#04x}, not UTF-8",
            remedy="Save it as UTF-8.",
        ) from None


def _check(found: os.stat_result, path: Path | str, error: type[StriateError], most: int) -> None:
    kind = next((words for test, words in _KINDS if test(found.st_mode)), "")
    if kind:
        raise error(f"{path} is {kind}", remedy="Name a file.")
    if found.st_size > most:
        raise error(f"{path} has {found.st_size:,} bytes, more than {most:,} for such a file")


def _dangling(path: Path | str) -> str:
    """Where a link leads that leads nowhere."""
    return f"It is a link to {os.readlink(path)}." if os.path.islink(path) else ""
