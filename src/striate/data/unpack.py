"""A file that may be compressed, read forward under limits and to its end.

Whoever packs four gigabytes of nothing into four megabytes is stopped while little of it is in
memory, and whatever carries a checksum is read up to it.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from striate.errors import DataError

LARGEST_TOTAL = 4 << 30  # bytes, unpacked
MOST_TIMES = 100  # as large unpacked as packed; pictures come to about one, blank ones to more
LOOSE = 32 << 20  # bytes that may be packed tighter than that
_STRETCH = 1 << 20  # bytes over which the tightness is taken
_BLOCK = 1 << 16

DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, ValueError)
"""What the readers of compressed files raise when one is damaged."""

_OPENERS = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))


class Unpacked:
    """The bytes of a file, unpacked where it is compressed; they are read once, forward.

    Args:
        path: for errors.
        raw: the file.

    Raises:
        DataError: while reading, as soon as it is a decompression bomb.
    """

    def __init__(self, path: Path, raw: IO[bytes]) -> None:
        head = raw.read(6)
        raw.seek(0)
        opener = next((opener for magic, opener in _OPENERS if head.startswith(magic)), None)
        self._path = path
        self._raw = raw
        self._stream = raw if opener is None else cast("IO[bytes]", opener(raw))
        self._total = self._loose = 0
        self._mark = (0, 0)

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer at the end alone."""
        blocks = []
        while size > 0 and (block := self._stream.read(min(size, _BLOCK))):
            blocks.append(block)
            size -= len(block)
            self._count(len(block))
        return blocks[0] if len(blocks) == 1 else b"".join(blocks)

    def drain(self) -> None:
        """Read what is left: a checksum stands behind everything, and only its reader compares."""
        while self.read(_BLOCK):
            pass

    def close(self) -> None:
        """Close the reader of the compressed file; the file itself is its opener's."""
        if self._stream is not self._raw:
            self._stream.close()

    def _count(self, length: int) -> None:
        self._total += length
        before, packed_before = self._mark
        if self._total - before >= _STRETCH:
            packed = self._raw.tell()
            if self._total - before > MOST_TIMES * (packed - packed_before):
                self._loose += self._total - before
            self._mark = (self._total, packed)
        if self._loose > LOOSE or self._total > LARGEST_TOTAL:
            raise DataError(
                f"{self._path} unpacks to more than {self._total:,} bytes, from the first "
                f"{self._raw.tell():,} of it",
                remedy="So much out of so little looks like an attack. "
                "If it is not, unpack it yourself and give the folder.",
            )


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """The bytes of a file; gzip, bzip2 and xz are told by their first bytes.

    Raises:
        OSError: it cannot be opened.
    """
    with path.open("rb") as raw:
        stream = Unpacked(path, raw)
        try:
            yield stream
        finally:
            stream.close()
