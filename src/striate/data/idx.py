"""The IDX format of MNIST: a magic number, big-endian sizes, then bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from striate.data.decode import PixelArray
from striate.data.unpack import DAMAGE, Unpacked, unpacked
from striate.display import shape_text
from striate.errors import DataError

LARGEST = 2 << 30
_REMEDY = "Fetch the file again; a broken download is the usual cause."


def read_idx(path: Path, dimensions: int) -> PixelArray:
    """The uint8 array of an IDX file, gzipped or not.

    The header is checked against what follows it: a short file, trailing bytes, another kind of
    element or another number of dimensions are refused.

    Args:
        dimensions: 3 for pictures (N x H x W), 1 for labels.

    Raises:
        DataError: the file is missing, truncated or not IDX, with the numbers.
    """
    with _opened(path) as stream:
        shape = _header(path, stream, dimensions)
        expected = int(np.prod(shape, dtype=object))
        if expected > LARGEST:
            raise _wrong(path, f"claims {expected:,} bytes, more than {LARGEST:,}")
        # One byte more than due tells trailing bytes without unpacking a bomb.
        data = stream.read(expected + 1)
    if len(data) != expected:
        found = f"{len(data):,}" if len(data) < expected else f"more than {expected:,}"
        sizes = shape_text(shape)
        raise _wrong(path, f"its header says {sizes} = {expected:,} bytes, {found} follow")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape).copy()


@contextmanager
def _opened(path: Path) -> Iterator[Unpacked]:
    try:
        with unpacked(path) as stream:
            yield stream
    except OSError as error:
        if error.errno is None:  # what the reader of a gzip file raises for a wrong checksum
            raise _damaged(path, error) from None
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except DAMAGE as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> DataError:
    return _wrong(path, f"its compressed data is damaged or cut short ({error})")


def _header(path: Path, stream: Unpacked, dimensions: int) -> tuple[int, ...]:
    length = 4 + 4 * dimensions
    head = stream.read(length)
    magic = head[:4]
    wanted = bytes((0, 0, 8, dimensions))
    if len(magic) == 4 and magic != wanted:
        raise _wrong(
            path, f"it begins with {magic.hex(' ')}, IDX of this kind with {wanted.hex(' ')}"
        )
    if len(head) < length:
        raise _wrong(path, f"it has {len(head)} bytes; the header alone takes {length}")
    shape = struct.unpack(f">{dimensions}I", head[4:])
    if 0 in shape:
        raise _wrong(path, f"its header says {shape_text(shape)}: nothing in it")
    return shape


def _wrong(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a whole IDX file: {reason}", remedy=_REMEDY)
