"""A tree of picture files becomes a data set: decoded, sized, sorted into splits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.data.dataset import (
    AnySplit,
    DataSet,
    Share,
    Split,
    Summary,
    make,
    moments,
    stratified,
)
from striate.data.decode import PixelArray, ReadPicture, file_length, measure, picture, read
from striate.data.download import Progress
from striate.data.leaks import digests_of, twins
from striate.data.names import in_order, printable
from striate.data.stream import Labels, Pictures, Stream
from striate.data.tree import Entry, Tree
from striate.errors import DataError

Returned = TypeVar("Returned")

Size: TypeAlias = tuple[int, int]
"""Rows and columns of a picture."""

IN_MEMORY = 1 << 30  # bytes of decoded pictures; more than this stays in its files
LARGEST_KEPT = 256  # pixels; pictures all of one size up to this keep it
USUAL_SIZE = 64  # pixels; the longer side that others are reduced to
TEST_SHARE = 0.2
FEW = 10  # pictures of a class to learn from, below which a note says so
SHOWN = 8  # names in a note
VALIDATION_SHARE = 0.1
_CHUNK = 512
_SMALL_FILE = 16_384  # bytes


@dataclass
class _Decoded:
    """What decoding found, a row an entry."""

    images: PixelArray | None  # N x 3 x H x W (or N x 1 x H x W), None when streaming
    readable: NDArray[np.bool_]
    gray: NDArray[np.bool_]
    sums: NDArray[np.int64]  # N x channels x 2: of the bytes, of their squares
    digests: list[bytes]
    problems: list[str]
    several: list[str]  # the names of files with more pages or frames than the first


def from_tree(
    tree: Tree,
    *,
    name: str,
    size: Size | None = None,
    channels: int | None = None,
    validation: Share = None,
    seed: int = 0,
    judging: bool = False,
    progress: Progress | None = None,
    in_memory: int = IN_MEMORY,
) -> DataSet:
    """Decode every picture once, name the ones that fail, and make the splits.

    Args:
        judging: the pictures are not learned from: what is not split is for testing, all of it.

    Raises:
        DataError: fewer than two classes, or classes that the training pictures lack.
    """
    notes: list[str] = []
    entries = tree.entries
    if size is None:
        size = _choose_size(entries, notes, progress)
    decoded = _decode_all(entries, size, channels, progress, in_memory)
    problems = [*tree.problems, *decoded.problems]
    notes += tree.notes
    if decoded.several:
        notes.append(_several(decoded.several))
    alive = [entries[row] for row in np.flatnonzero(decoded.readable)]
    classes = (_judged_classes if judging else _classes)(tree, alive, problems)
    labels = np.array([classes.index(entry.label) for entry in alive], dtype=np.int64)
    places = _judged_places(alive) if judging else _places(alive, labels, notes)
    notes += [] if judging else _thin_classes(classes, labels, places)
    if channels is None:
        # Only what is learned from decides: a test picture must not change the network.
        rows = np.flatnonzero(decoded.readable)[places["test" if judging else "train"]]
        channels = 1 if decoded.gray[rows].all() else 3
    whole = _whole(alive, labels, decoded, channels, size)
    splits = {split: whole.take(rows) for split, rows in places.items() if len(rows)}
    if judging:
        return _judged(name, classes, whole, splits, problems, notes)
    held_out = splits.get("validation")
    summarize = None if decoded.images is not None else _from_sums(alive, decoded, channels, size)
    share = VALIDATION_SHARE if validation is None else validation
    made = make(
        name,
        classes,
        splits["train"],  # type: ignore[type-var]  # all splits are of one kind
        splits.get("test"),
        validation=share if held_out is None else held_out,
        seed=seed,
        problems=problems,
        summarize=summarize,
    )
    seen = digests_of if decoded.images is not None else _digests_by_path(alive, decoded)
    return replace(made, notes=(*notes, *twins(made.splits, classes, seen).notes()))


def _several(names: Sequence[str]) -> str:
    files = "file holds" if len(names) == 1 else "files hold"
    return f"{len(names):,} {files} several pages or frames; the first is used: {_listed(names)}"


def _thin_classes(
    classes: tuple[str, ...], labels: Labels, places: Mapping[str, NDArray[np.integer]]
) -> list[str]:
    """What to know of classes with few pictures, or none in a split."""
    counts = {
        split: np.bincount(labels[rows], minlength=len(classes)) for split, rows in places.items()
    }
    few = [
        f"{name} {count}"
        for name, count in zip(classes, counts["train"].tolist(), strict=True)
        if count < FEW
    ]
    said = [f"few pictures to learn from (under {FEW}): {_listed(few)}"] if few else []
    for split in ("validation", "test"):
        lacking = [name for name, count in zip(classes, counts[split], strict=True) if not count]
        if lacking and counts[split].any():
            said.append(f"no {split} pictures of {_listed(lacking)}: nothing judges them there")
    return said


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest


def _judged(
    name: str,
    classes: tuple[str, ...],
    whole: AnySplit,
    splits: Mapping[str, AnySplit],
    problems: Sequence[str],
    notes: Sequence[str],
) -> DataSet:
    """A data set to judge by: its training split may be empty, and it has no statistics."""
    _, channels, height, width = whole.images.shape
    return DataSet(
        name=name,
        classes=classes,
        train=splits.get("train", whole.take(np.arange(0))),
        validation=splits.get("validation"),
        test=splits.get("test"),
        shape=(channels, height, width),
        mean=(0.0,) * channels,
        std=(1.0,) * channels,
        sha256="",
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _judged_classes(tree: Tree, alive: Sequence[Entry], problems: list[str]) -> tuple[str, ...]:
    if not alive:
        raise DataError(f"{tree.root} has no readable picture", remedy="\n".join(problems[:8]))
    return in_order(entry.label for entry in alive)


def _judged_places(alive: Sequence[Entry]) -> Mapping[str, NDArray[np.integer]]:
    """The rows of each split: what is not split is judged."""
    split = np.array([entry.split or "test" for entry in alive])
    return {name: np.flatnonzero(split == name) for name in ("train", "validation", "test")}


def usual_size(entries: Sequence[Entry]) -> Size:
    """The size that the pictures have in common, or are reduced to, from the heads of files."""
    return _choose_size(entries, [], None)


def _choose_size(entries: Sequence[Entry], notes: list[str], progress: Progress | None) -> Size:
    def head(entry: Entry) -> Size | None:
        try:
            return measure(entry.source)
        except DataError:
            return None  # decoding will name it

    found = [each for each in _each(head, entries, "measuring", progress) if each]
    if not found:
        return (USUAL_SIZE, USUAL_SIZE)
    if len(set(found)) == 1 and max(found[0]) <= LARGEST_KEPT:
        return found[0]
    height, width = (int(np.median([each[axis] for each in found])) for axis in (0, 1))
    scale = min(1.0, USUAL_SIZE / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    smallest, largest = min(found), max(found)
    notes.append(
        f"pictures of {smallest[0]}x{smallest[1]} to {largest[0]}x{largest[1]} pixels are "
        f"resized to {size[0]}x{size[1]}"
    )
    return size


def _each(
    work: Callable[[Entry], Returned],
    entries: Sequence[Entry],
    what: str,
    progress: Progress | None,
) -> Iterator[Returned]:
    # Pillow lets other threads run while it decodes, which pays for large files only: opening is
    # Python, and 60,000 tiny ones take 4.4 s in one thread, 5.4 s in several (two cores).
    # Chunks bound what waits in memory.
    small = _mean_bytes(entries[:_CHUNK]) < _SMALL_FILE
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(entries), _CHUNK):
            part = entries[start : start + _CHUNK]
            yield from map(work, part) if small else pool.map(work, part)
            if progress is not None:
                progress(start + len(part), len(entries), what)


def _mean_bytes(entries: Sequence[Entry]) -> float:
    return sum(file_length(entry.source) for entry in entries) / len(entries)


def _decode_all(
    entries: Sequence[Entry],
    size: Size,
    channels: int | None,
    progress: Progress | None,
    in_memory: int,
) -> _Decoded:
    planes, count = channels or 3, len(entries)
    streams = count * planes * size[0] * size[1] > in_memory and all(
        isinstance(entry.source, Path) for entry in entries
    )
    out = _Decoded(
        images=None if streams else np.empty((count, planes, *size), dtype=np.uint8),
        readable=np.zeros(count, dtype=bool),
        gray=np.zeros(count, dtype=bool),
        sums=np.zeros((count, planes, 2), dtype=np.int64),
        digests=[],
        problems=[],
        several=[],
    )

    def decode(entry: Entry) -> ReadPicture | str:
        try:
            return read(entry.source, channels=planes, size=size, name=printable(entry.name))
        except DataError as error:
            return error.what

    for row, result in enumerate(_each(decode, entries, "decoding", progress)):
        if isinstance(result, str):
            out.problems.append(result)
            out.digests.append(b"")
        else:
            _note(out, row, result.pixels)
            if result.more:
                out.several.append(printable(entries[row].name))
    return out


def _note(out: _Decoded, row: int, image: PixelArray) -> None:
    out.readable[row] = True
    out.gray[row] = len(image) == 1 or bool((image[0] == image[1:]).all())
    if out.images is not None:
        out.images[row] = image
        return
    wide = image.reshape(len(image), -1).astype(np.int64)
    out.sums[row, :, 0] = wide.sum(axis=1)
    out.sums[row, :, 1] = (wide * wide).sum(axis=1)
    out.digests.append(hashlib.sha256(image.data).digest())


def _classes(tree: Tree, alive: Sequence[Entry], problems: list[str]) -> tuple[str, ...]:
    every = {entry.label for entry in tree.entries}
    learned = {entry.label for entry in alive if entry.split in ("train", "")}
    if tree.is_split and not any(entry.split == "train" for entry in tree.entries):
        raise DataError(f"{tree.root} has no pictures to learn from: train", remedy=tree.expected)
    elsewhere = {entry.label for entry in alive} - learned
    if elsewhere:
        raise DataError(
            f"{tree.root}: no training picture of class {', '.join(sorted(elsewhere))}, which "
            "those for validation or testing have",
            remedy="Classes are matched by name: add pictures to train, or rename.",
        )
    problems += [
        f"class {name} has no readable picture: left out" for name in sorted(every - learned)
    ]
    if len(learned) < 2:
        have = f"only class {next(iter(learned))}" if learned else "no class with readable pictures"
        remedy = "\n".join([*problems[:SHOWN], tree.expected])
        raise DataError(f"{tree.root} has {have}; a classifier needs two", remedy=remedy)
    return in_order(learned)


def _places(
    alive: Sequence[Entry], labels: Labels, notes: list[str]
) -> Mapping[str, NDArray[np.integer]]:
    """The rows of each split; an unsplit or test-less folder gets a test share split off."""
    split = np.array([entry.split or "train" for entry in alive])
    rows: dict[str, NDArray[np.integer]]
    rows = {name: np.flatnonzero(split == name) for name in ("train", "validation", "test")}
    if len(rows["test"]):
        return rows
    train = rows["train"]
    # By a hash of the file's name and no seed: every run, and `evaluate`, hold out the same
    # pictures, and a picture added later moves few others.
    hashes = [
        alive[row].key or hashlib.sha256(alive[row].name.encode("utf-8", "replace")).digest()
        for row in train.tolist()
    ]
    rank = np.argsort(np.argsort(np.array([digest.hex() for digest in hashes])))
    taken = stratified(labels[train], round(TEST_SHARE * len(train)), rank)
    rows["train"], rows["test"] = train[~taken], train[taken]
    chosen_by = "contents" if alive[0].key else "names"
    notes.append(
        f"no test {'pictures' if alive[0].key else 'folder'}: {taken.sum():,} of {len(train):,} "
        f"pictures are held out as test, chosen by the hash of their {chosen_by}"
    )
    return rows


def _whole(
    alive: Sequence[Entry], labels: Labels, decoded: _Decoded, channels: int, size: Size
) -> AnySplit:
    if decoded.images is None:
        paths = tuple(str(entry.source) for entry in alive)
        return Stream(Pictures(paths, channels, *size), labels, paths)
    rows = np.flatnonzero(decoded.readable)
    images = decoded.images[rows, :channels]
    if channels < decoded.images.shape[1]:
        # A color picture among those only tested goes to gray by its luma, not by its red.
        for place in np.flatnonzero(~decoded.gray[rows]).tolist():
            images[place] = picture(alive[place].source, channels=channels, size=size)
    paths = tuple(
        str(entry.source) if isinstance(entry.source, Path) else entry.name for entry in alive
    )
    return Split(images, labels, paths)


def _digests_by_path(
    alive: Sequence[Entry], decoded: _Decoded
) -> Callable[[AnySplit], list[bytes]]:
    known = (decoded.digests[row] for row in np.flatnonzero(decoded.readable).tolist())
    of = {str(entry.source): digest for entry, digest in zip(alive, known, strict=True)}
    return lambda split: [of[path] for path in split.paths or ()]


def _from_sums(
    alive: Sequence[Entry], decoded: _Decoded, channels: int, size: Size
) -> Callable[[AnySplit, Sequence[str]], Summary]:
    alive_rows = np.flatnonzero(decoded.readable)
    row_of = {str(entry.source): int(row) for entry, row in zip(alive, alive_rows, strict=True)}

    def summarize(split: AnySplit, classes: Sequence[str]) -> Summary:
        rows = [row_of[path] for path in split.paths or ()]
        digest = hashlib.sha256(repr((split.images.shape, tuple(classes))).encode())
        for row in rows:
            digest.update(decoded.digests[row])
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
        total = decoded.sums[rows].sum(axis=0)[:channels]
        mean, std = moments(total[:, 0], total[:, 1], len(rows) * size[0] * size[1])
        return Summary(mean, std, digest.hexdigest())

    return summarize
