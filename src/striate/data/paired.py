"""Arrays of pictures with their labels become a tree, as a folder of files does.

So arrays meet every guard that folders meet, and the same pictures end as the same data set.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from striate.data.decode import PixelArray, picture
from striate.data.names import printable, written
from striate.data.torch_sets import classes_of, is_torch_set, pair_of
from striate.data.tree import SPLITS, Entry, Tree
from striate.errors import DataError

PictureRows: TypeAlias = NDArray[Any]
IN_MEMORY = "<arrays>"
"""What a run calls pictures that no file holds; no folder is written so."""
PAIRS = """\
Expected are pictures and their labels:
  (x, y)                                    x: N x H x W, N x H x W x C or N x C x H x W
  {"train": (x, y), "test": (x, y)}         y: N numbers or names
A third split is called "validation"; "classes": [...] gives names to the numbers."""
_COLORS = (1, 3)


def is_paired(given: object) -> bool:
    """Whether arrays are meant: a pair, or a table of pairs by split."""
    return isinstance(given, tuple | list | Mapping)


def tree_of_pairs(given: Any, *, name: str = IN_MEMORY, expected: str = PAIRS) -> Tree:
    """A tree of the pictures in arrays.

    Args:
        given: (x, y), ((x, y) to learn from, (x, y) to be judged on), or a table of such pairs by
            the names of splits, with `classes` where labels are numbers of names. x is an array
            of uint8 or bool, or of numbers in 0..1 or 0..255; or a list of pictures of any sizes.
        name: what to call them.
        expected: what is said to be expected where it is something else.

    Raises:
        DataError: shapes, numbers or labels that cannot be pictures of classes.
    """
    table = _table(given, name)
    classes = _class_names(table.pop("classes", None), name)
    tree = Tree(name, expected=expected)
    pairs = {split: _pair(f"{name} {split}".rstrip(), pair) for split, pair in table.items()}
    every = [row for x, _ in pairs.values() for row in x]
    if not every:
        raise DataError(f"{name}: there are no pictures", remedy=PAIRS)
    axis = _channel_axis([row.shape for row in every], name, tree.notes)
    scale = _scale(every, name, tree.notes)
    for split, (x, y) in pairs.items():
        labels = _labels(y, classes, f"{name} {split}".rstrip())
        for number, (row, label) in enumerate(zip(x, labels, strict=True)):
            image = _planes(row, axis, scale)
            key = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
            tree.entries.append(Entry(split, label, f"{split or 'x'}[{number}]", image, key))
    return tree


def is_one_picture(array: PictureRows, takes: tuple[int, int, int]) -> bool:
    """Whether an array is one picture rather than several gray ones, N x H x W.

    Args:
        takes: channels, height and width of the network; one that takes color takes 3 x H x W for
            one picture, and N x H x W of its own height and width are several, however narrow.

    >>> three_wide = np.zeros((9, 3, 3))
    >>> is_one_picture(three_wide, (1, 9, 9)), is_one_picture(three_wide, (1, 3, 3))
    (True, False)
    """
    if array.ndim != 3:
        return array.ndim == 2
    is_deep = array.shape[-1] in (1, 3, 4) and array.shape[1:] != takes[1:]
    return is_deep or array.shape[0] in (1, takes[0])


def picture_of(array: PictureRows) -> PixelArray:
    """One picture from an array of any numbers that `tree_of_pairs` takes.

    Raises:
        DataError: it cannot be a picture.
    """
    if array.dtype == np.uint8:
        return array
    if array.ndim not in (2, 3) or array.size == 0 or array.dtype.kind not in "buif":
        raise DataError(
            f"an array of {array.dtype}, {_by(array.shape)}, is not a picture",
            remedy="Shapes read are H x W, C x H x W and H x W x C.",
        )
    axis = _channel_axis([array.shape], "the picture", [])
    return _planes(array, axis, _scale([array], "the picture", []))


def plain(given: Any) -> Any:
    """A tensor as an array; anything else as it is."""
    return _array(given, "the picture") if type(given).__module__ == "torch" else given


def _table(given: Any, name: str) -> dict[str, Any]:
    """Pairs by split: "", or "train", "validation", "test"."""
    if not isinstance(given, Mapping):
        if len(given) != 2:
            raise DataError(f"{name}: {len(given)} things where (x, y) is expected", remedy=PAIRS)
        is_split = all(map(_is_pair, given))
        given = {"train": given[0], "test": given[1]} if is_split else {"": tuple(given)}
    strange = [str(key) for key in given if key not in ("", "classes", *SPLITS)]
    if strange or not set(given) - {"classes"}:
        what = f"no split is called {strange[0]!r}" if strange else "there are no pictures"
        raise DataError(f"{name}: {what}", remedy=PAIRS)
    sets = [each for each in given.values() if is_torch_set(each)]
    known = {"classes": classes_of(sets[0])} if sets else {}
    table = {SPLITS.get(key, key): value for key, value in given.items()}
    if len(table) < len(given) or ("" in table and len(set(table) - {"classes"}) > 1):
        said = ", ".join(map(str, given))
        raise DataError(f"{name}: pictures are given twice for a split ({said})", remedy=PAIRS)
    return known | table


def _is_pair(given: Any) -> bool:
    """Whether it has labels of its own, which a list of pictures or of labels has not."""
    if isinstance(given, tuple | list) and len(given) == 2:
        return np.ndim(given[1]) in (1, 2)
    return is_torch_set(given)


def _pair(where: str, pair: Any) -> tuple[list[PictureRows], PictureRows]:
    if is_torch_set(pair):
        pair = pair_of(pair, where)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise DataError(f"{where}: this is no pair of pictures and labels", remedy=PAIRS)
    x, y = _rows(pair[0], where), _array(pair[1], where)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(
            f"{where}: the labels are {_by(y.shape)}, not one per picture",
            remedy="Of one-hot rows take y.argmax(axis=1).",
        )
    if len(x) != len(y):
        raise DataError(f"{where}: {len(x):,} pictures but {len(y):,} labels")
    return x, y


def _rows(x: Any, where: str) -> list[PictureRows]:
    """The pictures one by one; those of a list may have different sizes."""
    if isinstance(x, list | tuple):
        rows = [_array(each, where) for each in x]
    else:
        whole = _array(x, where)
        if whole.ndim not in (3, 4):
            raise DataError(f"{where}: pictures of shape {_by(whole.shape)}", remedy=_shaped(whole))
        rows = [*whole]
    for number, row in enumerate(rows):
        if row.ndim not in (2, 3) or row.size == 0 or row.dtype.kind not in "buif":
            raise DataError(
                f"{where}: picture {number} is an array of {row.dtype}, {_by(row.shape) or 'one'}",
                remedy=PAIRS,
            )
    return rows


def _array(given: Any, where: str) -> PictureRows:
    if isinstance(given, Image.Image):
        return picture(given, channels=1 if given.mode in ("1", "L") else 3)
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where}: this is no array of numbers ({error})",
            remedy="A tensor that learns or lies on a GPU becomes one by x.detach().cpu().",
        ) from None


def _shaped(x: PictureRows) -> str:
    side = round(x.shape[1] ** 0.5) if x.ndim == 2 else 0
    flat = f"Rows of numbers become pictures by x.reshape(-1, {side}, {side}).\n"
    return (flat if side and side * side == x.shape[1] else "") + PAIRS


def _by(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def _channel_axis(shapes: Sequence[tuple[int, ...]], name: str, notes: list[str]) -> int | None:
    """0 or -1 for C x H x W or H x W x C; None where all are H x W.

    Raises:
        DataError: neither axis can be the channels, or both can.
    """
    deep = Counter(shape for shape in shapes if len(shape) == 3)
    if not deep:
        return None
    first, last = (all(shape[axis] in _COLORS for shape in deep) for axis in (0, -1))
    shape = _by(next(iter(deep)))
    if first and last:
        raise DataError(
            f"{name}: of {shape} either the first axis or the last could be the channels",
            remedy="Give gray pictures as H x W (x[:, 0] or x[..., 0]), color as files.",
        )
    if not first and not last:
        raise DataError(
            f"{name}: of {shape} no axis holds 1 (gray) or 3 (color) channels",
            remedy="Leave the alpha out of red, green, blue and alpha: x[..., :3].",
        )
    notes.append(f"pictures of {shape}: the {'first' if first else 'last'} axis is the channels")
    return 0 if first else -1


def _scale(rows: Sequence[PictureRows], name: str, notes: list[str]) -> float:
    """What brings the numbers to 0..255: 1, or 255 for those in 0..1.

    Raises:
        DataError: numbers that are not finite, or outside of both.
    """
    if all(row.dtype == np.uint8 for row in rows):
        return 1.0
    for number, row in enumerate(rows):
        if row.dtype.kind == "f" and not np.isfinite(row).all():
            bad = int((~np.isfinite(row)).sum())
            raise DataError(
                f"{name}: picture {number} holds {bad:,} numbers that are NaN or infinite",
                remedy="Leave it out, or put numbers in their place: numpy.nan_to_num(x).",
            )
    low, high = min(float(row.min()) for row in rows), max(float(row.max()) for row in rows)
    is_share = high <= 1 and all(row.dtype.kind in "fb" for row in rows)
    if low < 0 or high > 255:
        raise DataError(
            f"{name}: the numbers go from {low:g} to {high:g}, not 0 to 1 or 0 to 255",
            remedy="Undo what normalized them, or scale them: (x - x.min()) / (x.max() - x.min()).",
        )
    kept = "multiplied by 255 and " if is_share else ""
    if any(row.dtype.kind == "f" for row in rows):
        notes.append(f"numbers from {low:g} to {high:g} are {kept}rounded to bytes, as in files")
    return 255.0 if is_share else 1.0


def _planes(row: PictureRows, axis: int | None, scale: float) -> PixelArray:
    """uint8 of C x H x W, a view where nothing changes."""
    flat = row.ndim == 2
    planes = row[None] if flat else row.transpose(2, 0, 1) if axis == -1 else row
    if planes.dtype == np.uint8:
        return planes
    return np.rint(planes.astype(np.float64) * scale).astype(np.uint8)


def _class_names(given: Any, name: str) -> tuple[str, ...]:
    names = () if given is None else tuple(np.asarray(given).tolist())
    for each in names:
        if not isinstance(each, str) or not each.strip():
            raise DataError(f"{name}: {each!r} is no name of a class", remedy=PAIRS)
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        raise DataError(f"{name}: two classes are called {printable(twice)}")
    return tuple(written(each, "class") for each in names)


def _labels(y: PictureRows, classes: tuple[str, ...], where: str) -> Iterator[str]:
    """The name of each picture's class."""
    for number, each in enumerate(y.tolist()):
        value = each.decode("utf-8", "surrogateescape") if isinstance(each, bytes) else each
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int | str) or (isinstance(value, str) and not value.strip()):
            raise DataError(
                f"{where}: the label of picture {number} is {value!r:.40}",
                remedy="Labels are whole numbers or names of classes, one per picture.",
            )
        if isinstance(value, str) or not classes:
            yield written(str(value), "class")
        elif 0 <= value < len(classes):
            yield classes[value]
        else:
            raise DataError(
                f"{where}: label {value} of picture {number} names none of the "
                f"{len(classes)} classes"
            )
