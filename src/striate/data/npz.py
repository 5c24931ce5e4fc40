"""Arrays out of a .npz file that nobody vouches for: sizes are checked before memory is taken."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from striate.data.names import printable
from striate.data.paired import tree_of_pairs
from striate.data.tree import SPLITS, Tree
from striate.data.unpack import LARGEST_TOTAL, LOOSE, MOST_PACKED, MOST_TIMES
from striate.errors import DataError
from striate.files import opened

NPZ = """\
Expected are pictures and labels by name, split or not:
  numpy.savez("own.npz", x=x, y=y)
  numpy.savez("own.npz", x_train=…, y_train=…, x_test=…, y_test=…)
Names may be images and labels as well, and classes=[…] gives names to numbers."""
_PARTS = {"x": 0, "images": 0, "pictures": 0, "y": 1, "labels": 1}
_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
_MOST_ARRAYS = 1000


def scan_npz(path: Path) -> Tree:
    """The pictures in the arrays of a .npz file, by the names of the arrays.

    Raises:
        DataError: damaged, larger than it says, or arrays of Python's objects (never unpickled);
            or arrays that are no pictures with labels.
    """
    arrays = read_npz(path)
    pairs, others = _paired(arrays, path)
    tree = tree_of_pairs(pairs, name=printable(str(path)), expected=NPZ)
    if others:
        tree.problems.append(f"arrays of other names: {printable(', '.join(others))}")
    return tree


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file by name.

    Raises:
        DataError: as `scan_npz`.
    """
    try:
        with opened(path, DataError, most=MOST_PACKED) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check(path, members)
            return {
                each.filename.removesuffix(".npy"): _array(path, archive, each) for each in members
            }
    except DataError:
        raise
    except Exception as error:  # a damaged archive makes its readers raise almost anything
        raise DataError(
            f"{printable(str(path))} is damaged or not a file of numpy.savez ({error})",
            remedy=NPZ,
        ) from None


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    total, packed = (
        sum(getattr(each, size) for each in members) for size in ("file_size", "compress_size")
    )
    is_bomb = total > LOOSE and total > MOST_TIMES * packed
    if is_bomb or total > LARGEST_TOTAL or len(members) > _MOST_ARRAYS:
        raise DataError(
            f"{printable(str(path))} unpacks to {total:,} bytes in {len(members):,} arrays, from "
            f"{packed:,} of it",
            remedy=f"Limits are {LARGEST_TOTAL:,} bytes, {_MOST_ARRAYS:,} arrays, and "
            f"{MOST_TIMES} times the file.",
        )
    names = [each.filename for each in members]
    if len(set(names)) < len(names):
        raise DataError(f"{printable(str(path))} holds two arrays of one name")


def _array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    where = f"{printable(str(path))}, {printable(member.filename)}"
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(stream, where)
        if dtype.hasobject or dtype.names:
            raise DataError(
                f"{where}: holds {'objects of Python' if dtype.hasobject else 'records'}, not "
                "numbers or text",
                remedy="Nothing is unpickled. Save labels as y.astype(str), pictures of several "
                "sizes as files.",
            )
        data = stream.read()
    if prod(shape) * dtype.itemsize != len(data):
        raise DataError(
            f"{where}: states {' x '.join(map(str, shape))} of {dtype}, but holds "
            f"{len(data):,} bytes"
        )
    flat = np.frombuffer(data, dtype) if data else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version not in _HEADERS:
        raise DataError(f"{where}: arrays of format {version} are not read")
    shape, fortran, dtype = _HEADERS[version](stream)
    return shape, fortran, dtype


def _paired(arrays: Mapping[str, NDArray[Any]], path: Path) -> tuple[dict[str, Any], list[str]]:
    """Pairs by split, and the names of arrays that belong to none."""
    table: dict[str, Any] = {}
    others = []
    for name, array in arrays.items():
        words = name.lower().split("_")
        parts = [_PARTS[word] for word in words if word in _PARTS]
        splits = [SPLITS[word] for word in words if word in SPLITS]
        if name == "classes":
            table[name] = array
        elif len(parts) == 1 and len(parts) + len(splits) == len(words) <= 2:
            pair = table.setdefault(splits[0] if splits else "", [None, None])
            pair[parts[0]] = array
        else:
            others.append(name)
    pairs = {split: pair for split, pair in table.items() if split != "classes"}
    half = any(part is None for pair in pairs.values() for part in pair)
    if not pairs or half or ("" in pairs and len(pairs) > 1):
        held = printable(", ".join(arrays)) or "nothing"
        raise DataError(f"{printable(str(path))} holds {held}: no pairs of arrays", remedy=NPZ)
    return table, others
