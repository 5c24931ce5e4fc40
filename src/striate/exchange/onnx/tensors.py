"""Arrays in an ONNX file: in it, or in a file beside it; never larger than what is really there."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import OnnxError
from striate.exchange.onnx_package import package
from striate.files import opened
from striate.graph.check import MOST_AXES
from striate.graph.settings import shown
from striate.ops.arrays import Array

_TYPES = {
    "FLOAT": ("float_data", 4), "DOUBLE": ("double_data", 8), "FLOAT16": ("int32_data", 2),
    "BFLOAT16": ("int32_data", 2), "BOOL": ("int32_data", 1), "INT8": ("int32_data", 1),
    "UINT8": ("int32_data", 1), "INT16": ("int32_data", 2), "UINT16": ("int32_data", 2),
    "INT32": ("int32_data", 4), "INT64": ("int64_data", 8), "UINT32": ("uint64_data", 4),
    "UINT64": ("uint64_data", 8),
}  # fmt: skip
"""The field that holds numbers of a type which are not raw, and the bytes of one that is."""

MOST_EXTERNAL, LONGEST_PLACE = 1 << 40, 1000
"""Bytes of a file beside the ONNX file, and characters of its name."""


def array_of(tensor: Any, folder: Path) -> Array:
    """The array of a TensorProto.

    Args:
        folder: the only one, with those in it, where data beside the file may lie.

    Raises:
        OnnxError: its type is not one of ours, or its sizes and data do not fit each other.
    """
    what = f"the tensor {shown(tensor.name)}"
    kind = type_name(tensor.data_type)
    if kind not in _TYPES:
        raise OnnxError(f"{what} holds numbers of the type {kind}", remedy=f"Read are {_all()}.")
    sizes, (field, width) = tuple(tensor.dims), _TYPES[kind]
    if len(sizes) > MOST_AXES or any(n < 0 for n in sizes):
        raise OnnxError(f"{what} has the sizes {shown(sizes)}, which mean nothing")
    if tensor.data_location == 1:
        return _external(tensor, folder, sizes, kind, width)
    values = getattr(tensor, field)
    count = len(tensor.raw_data) / width if tensor.HasField("raw_data") else len(values)
    if count != prod(sizes):
        raise OnnxError(
            f"{what} says that it is {'x'.join(map(str, sizes))}, {prod(sizes):,} numbers, "
            f"but holds {count:,.10g}"
        )
    return _converted(tensor, what)


def _converted(tensor: Any, what: str) -> Array:
    try:
        found: Array = np.asarray(package("onnx.numpy_helper").to_array(tensor))
    except (ValueError, TypeError, OverflowError) as problem:
        raise OnnxError(f"{what} cannot be read: {problem}") from None
    return found.astype(np.float32) if found.dtype.kind == "V" or found.itemsize == 2 else found


def _external(tensor: Any, folder: Path, sizes: tuple[int, ...], kind: str, width: int) -> Array:
    what = f"the tensor {shown(tensor.name)}"
    place = {entry.key: entry.value for entry in tensor.external_data}
    path = inside(place.get("location", ""), folder, what)
    offset, length = (_whole(place.get(key, ""), what) for key in ("offset", "length"))
    wanted = prod(sizes) * width
    if length not in (None, wanted):
        raise OnnxError(f"{what} needs {wanted:,} bytes of {path.name}, but is given {length:,}")
    with opened(path, OnnxError, most=MOST_EXTERNAL) as file:
        size = file.seek(0, 2)
        if (offset or 0) + wanted > size:
            raise OnnxError(
                f"{what} needs the bytes {offset or 0:,} to {(offset or 0) + wanted:,} of "
                f"{path.name}, which has {size:,}"
            )
        file.seek(offset or 0)
        content = file.read(wanted)
    whole = type(tensor)(data_type=tensor.data_type, dims=sizes, raw_data=content)
    return _converted(whole, what)


def inside(location: str, folder: Path, what: str) -> Path:
    """The path of a file that lies in `folder` or below it.

    Raises:
        OnnxError: it lies elsewhere, by its name or by a link.
    """
    try:
        path = (folder / location).resolve()
        own = folder.resolve()
    except (OSError, ValueError, RuntimeError):
        path = own = folder
    if not 0 < len(location) < LONGEST_PLACE or not path.is_relative_to(own) or path == own:
        raise OnnxError(
            f"the data of {what} would be read from {shown(location)}",
            remedy="Only files in the folder of the ONNX file are read.",
        )
    return path


def _whole(text: str, what: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise OnnxError(f"the data of {what} lie at {shown(text)}, which is no place in a file")
    return int(text)


def type_name(number: int) -> str:
    """The name of a type of numbers: FLOAT."""
    known = {value: name for name, value in package().TensorProto.DataType.items()}
    return known.get(number, f"number {number}")


def _all() -> str:
    return ", ".join(_TYPES)
