"""Equal pictures: those judged on that were learned from, and those that stand in two classes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from striate.data.dataset import AnySplit, parts
from striate.data.decode import PixelArray
from striate.data.names import printable

EXAMPLES = 3


@dataclass(frozen=True)
class Leak:
    """Pictures of one split that equal pictures of another.

    Args:
        split: the split that judges: validation or test.
        other: the split before it: train or validation.
        pictures: how many of `split` there are.
        of: how many `split` has.
        examples: (in `split`, in `other`), a few.
    """

    split: str
    other: str
    pictures: int
    of: int
    examples: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        first, second = self.examples[0]
        said = f"{self.pictures:,} of {self.of:,} {self.split} pictures equal one of {self.other}"
        return f"{said} ({first} = {second}): a leak, which makes scores look better"


@dataclass(frozen=True)
class Conflict:
    """Two equal pictures with different classes, each as (name, class)."""

    first: tuple[str, str]
    second: tuple[str, str]

    def __str__(self) -> str:
        one, other = (f"{name} is {label}" for name, label in (self.first, self.second))
        return f"{one}, {other}"


@dataclass(frozen=True)
class Twins:
    """What equal pictures there are.

    Args:
        leaks: between splits, for each pair of splits that has some.
        conflicts: equal pictures with different classes, a pair each.
        repeated: by split, pictures that equal an earlier one of the same split.
    """

    leaks: tuple[Leak, ...]
    conflicts: tuple[Conflict, ...]
    repeated: Mapping[str, int]

    def notes(self) -> list[str]:
        """A sentence for each leak, and one for all conflicts."""
        said = [str(leak) for leak in self.leaks]
        if self.conflicts:
            count = len(self.conflicts)
            pictures = "1 picture has" if count == 1 else f"{count:,} pictures have"
            said.append(f"{pictures} another class than an equal one: {self.conflicts[0]}")
        return said


def digests(images: PixelArray) -> list[bytes]:
    """A fingerprint of each picture, as the network gets it."""
    return [hashlib.sha256(image.tobytes()).digest() for image in images]


def digests_of(split: AnySplit) -> list[bytes]:
    """The fingerprints of a split's pictures."""
    return [digest for part in parts(split) for digest in digests(part)]


def twins(
    splits: Mapping[str, AnySplit | None],
    classes: Sequence[str],
    seen: Callable[[AnySplit], list[bytes]] = digests_of,
) -> Twins:
    """The equal pictures of a data set.

    Args:
        splits: in the order train, validation, test; None for one that is not there.
        seen: the fingerprints of a split's pictures, where they are known already.
    """
    first: dict[bytes, tuple[str, str]] = {}
    conflicts: list[Conflict] = []
    found: dict[str, dict[bytes, str]] = {}
    repeated: dict[str, int] = {}
    leaks: list[Leak] = []
    for split, pictures in splits.items():
        if pictures is None:
            continue
        own: dict[bytes, str] = {}
        keys = seen(pictures)
        for key, name, label in zip(keys, _names(split, pictures), pictures.labels, strict=True):
            own.setdefault(key, name)
            picture = (name, classes[label])
            before = first.setdefault(key, picture)
            if before[1] != picture[1]:
                conflicts.append(Conflict(before, picture))
        repeated[split] = len(keys) - len(own)
        leaks += [leak for other in found if (leak := _leak(split, keys, own, other, found[other]))]
        found[split] = own
    return Twins(tuple(leaks), tuple(conflicts), repeated)


def _names(split: str, pictures: AnySplit) -> Iterator[str]:
    if pictures.paths:
        return (printable(path) for path in pictures.paths)
    return (f"{split}[{number}]" for number in range(len(pictures)))


def _leak(
    split: str,
    keys: Sequence[bytes],
    own: Mapping[bytes, str],
    other: str,
    theirs: Mapping[bytes, str],
) -> Leak | None:
    count = sum(key in theirs for key in keys)
    examples = [(own[key], theirs[key]) for key in own if key in theirs][:EXAMPLES]
    return Leak(split, other, count, len(keys), tuple(examples)) if count else None
