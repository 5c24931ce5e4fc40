"""Arrays in files: safetensors, written at once or not at all, read without running code.

A file is eight bytes that give the length of a JSON header, the header, and the numbers: the
format of https://github.com/huggingface/safetensors. It is read here, rather than by that package,
so that a large file is mapped into memory: its arrays are its pages, read when they are used, and
no second copy is made.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from striate.errors import ModelFileError
from striate.exchange.fields import LARGEST, TEXT, FieldKind, checked, parsed_json, written_json
from striate.files import opened
from striate.ops.arrays import Array

METADATA = "striate"
"""The one entry of a file's metadata, as JSON: several would be written in any order."""

MAPPED = 32 << 20
"""Bytes from which a file is mapped. Smaller ones are read, so that nobody who cuts one short
later can end the process that maps it."""

MOST_HEADER = 16 << 20

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "BF16": "<u2",
}  # fmt: skip


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n <= LARGEST for n in value)


_ENTRY = {
    "dtype": FieldKind(f"one of {', '.join(_DTYPES)}", lambda value: value in list(_DTYPES)),
    "shape": FieldKind("a list of sizes", lambda value: _are_sizes(value) and len(value) <= 32),
    "data_offsets": FieldKind("two places", lambda value: _are_sizes(value) and len(value) == 2),
}


def read_arrays(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and metadata of a safetensors file; no metadata when they are not ours.

    The arrays are views of one buffer, private to this process: writing to them changes no file.

    Raises:
        ModelFileError: it is missing, cut off, or something else.
    """
    with opened(path, ModelFileError, most=LARGEST) as file:
        try:
            return _read(file)
        except (ValueError, ModelFileError) as error:
            raise ModelFileError(
                f"{path} is not a safetensors file, or damaged", remedy=str(error)
            ) from None


def _read(file: BinaryIO) -> tuple[dict[str, Array], dict[str, Any]]:
    size = os.fstat(file.fileno()).st_size
    head = file.read(8)
    length = int.from_bytes(head, "little")
    if len(head) < 8 or length > min(MOST_HEADER, size - 8):
        raise ValueError(f"Its header would take {length:,} of {size:,} bytes.")
    header = parsed_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("Its header is not a table.")
    own = header.pop("__metadata__", {})
    metadata = parsed_json(checked(own, {METADATA: TEXT.optional}, "the metadata", ModelFileError,
                                   others=True).get(METADATA, "{}"))  # fmt: skip
    arrays = _views(header, _body(file, 8 + length, size))
    return arrays, metadata if isinstance(metadata, dict) else {}


def _body(file: BinaryIO, start: int, size: int) -> memoryview:
    """What follows the header: mapped, each page copied when it is first written to; or read."""
    if size < MAPPED:
        return memoryview(bytearray(file.read()))
    return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_COPY))[start:]


def _views(header: Mapping[str, object], body: memoryview) -> dict[str, Array]:
    """The arrays, which fill the body without a gap."""
    found: dict[str, Array] = {}
    places = []
    for key, described in header.items():
        entry = checked(described, _ENTRY, f"the entry of {key[:80]!r}", ModelFileError)
        dtype, (begin, end) = np.dtype(_DTYPES[entry["dtype"]]), entry["data_offsets"]
        count = int(np.prod(entry["shape"], dtype=object))
        if end - begin != count * dtype.itemsize or end > len(body):
            raise ValueError(f"{key[:80]!r} claims bytes {begin:,} to {end:,} of {len(body):,}.")
        places.append((begin, end))
        numbers = np.frombuffer(body[begin:end], dtype).reshape(entry["shape"])
        found[key] = _widened(numbers) if entry["dtype"] == "BF16" else numbers
    at = 0
    for begin, end in sorted(places):
        if begin != at:
            raise ValueError(f"Bytes {at:,} to {begin:,} belong to no array, or to two.")
        at = end
    if at != len(body):
        raise ValueError(f"{len(body) - at:,} bytes follow the last array.")
    return found


def _widened(numbers: Array) -> Array:
    """bfloat16 as float32, of which it is the upper half."""
    whole: Array = (numbers.astype("<u4") << 16).view("<f4")
    return whole


def write_arrays(path: Path, arrays: Mapping[str, Array], metadata: Mapping[str, Any]) -> None:
    """Write a safetensors file atomically.

    Raises:
        ModelFileError: it cannot be written; what was there is still there.
    """
    from safetensors.numpy import save

    whole = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
    write_file(path, save(whole, metadata={METADATA: written_json(metadata)}))


def write_file(path: Path, content: bytes) -> None:
    """Replace a file at once: a temporary file beside it, flushed to the disk, then renamed.

    Raises:
        ModelFileError: it cannot be written; what was there is still there.
    """
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ModelFileError(
            f"{path} cannot be written: {error.strerror or error}",
            remedy="What was there before is untouched.",
        ) from None


def flat(weights: Mapping[str, Mapping[str, Array]]) -> dict[str, Array]:
    """conv1.weight -> array, from node -> weight name -> array."""
    return {f"{node}.{name}": each for node, own in weights.items() for name, each in own.items()}
