"""What a data set is: splits of pictures with labels, classes by name, and a fingerprint."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from striate.data.decode import PixelArray
from striate.data.stream import Labels, Stream
from striate.display import Block, Column, Displayed, Grid, Line, count, shape_text
from striate.errors import DataError

Share: TypeAlias = float | int | None


@dataclass(frozen=True)
class Split:
    """Pictures in memory.

    Args:
        images: uint8, N x C x H x W.
        labels: int64, N; the place of the class in `DataSet.classes`.
        paths: for folders, the file of each picture.
    """

    images: PixelArray
    labels: Labels
    paths: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        shape = shape_text(self.images.shape[1:])
        return f"<{type(self).__name__}: {len(self):,} pictures of {shape}>"

    def take(self, indices: NDArray[np.integer]) -> Split:
        """The split of the pictures at `indices`, in that order."""
        paths = None if self.paths is None else tuple(self.paths[index] for index in indices)
        return Split(self.images[indices], self.labels[indices], paths)

    def relabeled(self, labels: Labels) -> Split:
        """The same pictures with other labels."""
        return Split(self.images, labels, self.paths)


AnySplit: TypeAlias = Split | Stream
SplitT = TypeVar("SplitT", Split, Stream)


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation a channel (of 0..1), and the fingerprint."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str


@dataclass(frozen=True, repr=False)
class DataSet(Displayed):
    """Pictures to learn from, to stop by, and to be judged on.

    Args:
        name: `mnist`, or the folder.
        classes: names by index.
        train, validation, test: the splits; None where there is none.
        shape: channels, height, width of every picture.
        mean, std: per channel, of the training pictures scaled to 0..1.
        sha256: of the training pictures, their labels and the classes; travels with the model.
        problems: files and folders that could not be used, each named.
        notes: what was decided for lack of an instruction (size, splits).
    """

    name: str
    classes: tuple[str, ...]
    train: AnySplit
    validation: AnySplit | None
    test: AnySplit | None
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sha256: str
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """Its name, pictures and classes."""
        shape = shape_text(self.shape)
        return f"{self.name}: {len(self.train):,} pictures of {shape}, {len(self.classes)} classes"

    def display(self) -> Iterator[Block]:
        """How many pictures each class has in each split."""
        there = self.splits
        counts = [np.bincount(each.labels, minlength=len(self.classes)) for each in there.values()]
        totals = [f"{len(split):,}" for split in there.values()]
        columns = [Column("class", text=True, wide=60, total="total")]
        columns += [Column(name, total=sum_) for name, sum_ in zip(there, totals, strict=True)]
        rows = (
            (name, *(count(int(each[k])) for each in counts)) for k, name in enumerate(self.classes)
        )
        yield Line(self.headline)
        yield Grid(tuple(columns), tuple(rows))
        yield from (Line(f"not used: {problem}", "warning") for problem in self.problems)
        yield from (Line(note, "quiet") for note in self.notes)

    @property
    def splits(self) -> dict[str, AnySplit]:
        """The splits that there are, by name."""
        every = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in every.items() if split is not None}

    def split(self, name: str) -> AnySplit:
        """The split called "train", "validation" or "test", or "all": every picture there is.

        Raises:
            DataError: there is no such split.
        """
        there = {key: split for key, split in self.splits.items() if len(split)}
        if name == "all":
            return _joined(list(there.values()))
        chosen = there.get(name)
        if chosen is None:
            have = ", ".join([*there, "all"])
            raise DataError(f"{self.name} has no {name!r} pictures", remedy=f"It has: {have}.")
        return chosen

    def with_classes(self, classes: Sequence[str]) -> DataSet:
        """The same pictures labeled by another order of classes, matched by name.

        A model keeps its classes by name: this is how a folder is judged by a model that was
        trained on another folder.

        Raises:
            DataError: a class of this data set is unknown to `classes`.
        """
        known = {unicodedata.normalize("NFC", name): k for k, name in enumerate(classes)}
        own = [unicodedata.normalize("NFC", name) for name in self.classes]
        if strange := [name for name in own if name not in known]:
            raise DataError(
                f"{self.name} has {_count(strange, 'class', 'classes')} that the model does not "
                f"know: {', '.join(strange)}",
                remedy=f"The model knows {', '.join(classes)}.",
            )
        places = np.array([known[name] for name in own], dtype=np.int64)

        def moved(split: AnySplit | None) -> AnySplit | None:
            return None if split is None else split.relabeled(places[split.labels])

        train = self.train.relabeled(places[self.train.labels])
        return replace(
            self,
            classes=tuple(classes),
            train=train,
            validation=moved(self.validation),
            test=moved(self.test),
        )


def _joined(splits: Sequence[AnySplit]) -> AnySplit:
    labels = np.concatenate([split.labels for split in splits])
    paths = tuple(path for split in splits for path in split.paths or ())
    first = splits[0]
    if isinstance(first, Stream):
        return Stream(replace(first.images, paths=paths), labels, paths)
    images = np.concatenate([np.asarray(split.images) for split in splits])
    return Split(images, labels, paths or None)


def _count(things: Sequence[object], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


def make(
    name: str,
    classes: tuple[str, ...],
    train: SplitT,
    test: SplitT | None,
    *,
    validation: SplitT | Share,
    seed: int = 0,
    problems: Sequence[str] = (),
    notes: Sequence[str] = (),
    summarize: Callable[[SplitT, Sequence[str]], Summary] | None = None,
) -> DataSet:
    """A DataSet with its statistics; `validation` is a split, or the share to carve off.

    Args:
        summarize: what computes the statistics of the training split, where its pictures were
            already seen; None goes through them.

    Raises:
        DataError: the share leaves nothing to train on.
    """
    if isinstance(validation, Split | Stream):
        held_out: SplitT | None = validation
    else:
        train, held_out = carve(train, validation, seed=seed)
    summary = (summarize or summary_of)(train, classes)
    _, channels, height, width = train.images.shape
    return DataSet(
        name=name,
        classes=classes,
        train=train,
        validation=held_out,
        test=test,
        shape=(channels, height, width),
        mean=summary.mean,
        std=summary.std,
        sha256=summary.sha256,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def carve(split: SplitT, share: Share, *, seed: int) -> tuple[SplitT, SplitT | None]:
    """Take a stratified share off `split`: (what stays, what was taken).

    The same seed takes the same pictures. A class keeps at least one picture.

    Args:
        share: a fraction between 0 and 1, or a count of pictures; 0 or None takes nothing.

    Raises:
        DataError: a share that is negative or leaves nothing.
    """
    wanted = _wanted(share, len(split))
    if wanted == 0:
        return split, None
    random = np.random.default_rng([seed, 0x5EED])
    rank = random.permutation(len(split))
    taken = stratified(split.labels, wanted, rank)
    if not taken.any():
        return split, None
    return split.take(np.flatnonzero(~taken)), split.take(np.flatnonzero(taken))


def _wanted(share: Share, total: int) -> int:
    if share is None:
        return 0
    wanted = -1
    if isinstance(share, int | np.integer) and not isinstance(share, bool):
        wanted = int(share)
    elif isinstance(share, float) and 0 <= share < 1:
        wanted = round(share * total)
    if not 0 <= wanted < total:
        raise DataError(
            f"validation={share!r} of {total:,} training pictures cannot be set aside",
            remedy=f"Give a fraction from 0 up to 1, or a count from 0 to {total - 1:,}.",
        )
    return wanted


def stratified(labels: Labels, wanted: int, rank: NDArray[np.integer]) -> NDArray[np.bool_]:
    """A mask of about `wanted` pictures with the classes in proportion, lowest `rank` first.

    Shares are rounded by largest remainder, so the count is exact unless a class is so small
    that it must keep its last picture.
    """
    classes, counts = np.unique(labels, return_counts=True)
    exact = counts * (wanted / len(labels))
    shares = np.floor(exact).astype(np.int64)
    short = wanted - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:short]] += 1
    shares = np.minimum(shares, counts - 1)
    mask = np.zeros(len(labels), dtype=bool)
    for label, share in zip(classes, shares, strict=True):
        members = np.flatnonzero(labels == label)
        mask[members[np.argsort(rank[members], kind="stable")[:share]]] = True
    return mask


def summary_of(split: AnySplit, classes: Sequence[str]) -> Summary:
    """The statistics of every picture of a split, exact, from sums of whole numbers."""
    channels = split.images.shape[1]
    histogram = np.zeros((channels, 256), dtype=np.int64)
    digest = hashlib.sha256(repr((split.images.shape, tuple(classes))).encode())
    for part in parts(split):
        digest.update(np.ascontiguousarray(part).data)
        for channel in range(channels):
            histogram[channel] += np.bincount(part[:, channel].ravel(), minlength=256)
    digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
    level = np.arange(256, dtype=np.int64)
    count = int(histogram[0].sum())
    return Summary(*moments(histogram @ level, histogram @ level**2, count), digest.hexdigest())


def moments(
    total: NDArray[np.int64], squares: NDArray[np.int64], count: int
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of pixels scaled to 0..1, from their sums and sums of squares as bytes."""
    means, stds = [], []
    for first, second in zip(total.tolist(), squares.tolist(), strict=True):
        means.append(first / (255 * count))
        # Whole numbers until here: no cancellation, however many pixels there are.
        variance = (second * count - first * first) / (255 * count) ** 2
        # A channel that never changes carries nothing; dividing by one keeps it at zero.
        stds.append(variance**0.5 or 1.0)
    return tuple(means), tuple(stds)


def parts(split: AnySplit, size: int = 4096) -> Iterator[PixelArray]:
    """The pictures of a split, so many at a time."""
    for start in range(0, len(split), size):
        yield split.images[start : start + size]
