"""`--ink`: what the commands say and do of photographs of ink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from striate.cli import terminal
from striate.data.names import printable
from striate.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from striate.data import DataSet, Preprocessing
    from striate.data.dataset import AnySplit
    from striate.data.given import Given
    from striate.model import Model

SAMPLE = 200
SIZES = 3
"""Sizes of pictures that are named."""

MOST_NOTED = 50
"""Pictures that are named for what else is different."""

HELP = (
    "auto finds the ink of photographs and lays it out as in training (inverts, crops, centers); "
    "keep takes pictures as they are."
)


def check_way(ink: str) -> None:
    """Refuse what `--ink` does not know, before any picture is read.

    Raises:
        DataError: it is no way of taking ink.
    """
    from striate.data.ink import WAYS

    if ink not in WAYS:
        what = f"--ink is {' or '.join(WAYS)}, not {ink!r:.40}"
        raise DataError(what, remedy=did_you_mean(ink, WAYS))


class Noted:
    """What is otherwise in pictures than in training, sizes once for all; counted beyond a few."""

    def __init__(self, ink: str) -> None:
        self._ink = ink
        self._sizes: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._differing: list[tuple[str, tuple[str, ...]]] = []
        self._more = 0

    def add(self, picture: str, resizing: str, differences: tuple[str, ...]) -> None:
        """Note one picture: how it was resized, and what else is different; both may be empty."""
        if resizing:
            self._sizes[resizing] += 1
            self._first.setdefault(resizing, picture)
        if differences and len(self._differing) < MOST_NOTED:
            self._differing.append((picture, differences))
        elif differences:
            self._more += 1

    def print(self) -> None:
        """Say all of it on standard error."""
        for what, count in self._sizes.most_common(SIZES):
            more = f" and {count - 1:,} more" if count > 1 else ""
            terminal.say(f"{printable(self._first[what])}{more}: {what}", error=True)
        if len(self._sizes) > SIZES:
            others = len(self._sizes) - SIZES
            terminal.say(f"pictures of {others:,} other sizes as well", error=True)
        for picture, differences in self._differing:
            print_differences(picture, differences, self._ink)
        if self._more:
            terminal.say(f"{self._more:,} more pictures differ from training", error=True)


def print_notes(picture: str, given: Given, preprocessing: Preprocessing | None, ink: str) -> None:
    """Say on standard error what is otherwise in a picture than in training."""
    noted = Noted(ink)
    noted.add(picture, given.resizing, given.notes(preprocessing))
    noted.print()


def print_differences(path: str, found: Sequence[str], ink: str) -> None:
    """Say on standard error what is otherwise in a picture than in training, if anything is."""
    if found:
        remedy = "" if ink == "auto" else " (photographs of ink: try --ink auto)"
        terminal.say(f"{printable(path)}: {'; '.join(found)}{remedy}", error=True)


def common_differences(model: Model, data: DataSet, split: str) -> list[str]:
    """What is otherwise than in training in most pictures of a split, of the first `SAMPLE`."""
    pictures = data.split(split)
    images = pictures.images[: min(SAMPLE, len(pictures))]
    counts = Counter(each for image in images for each in model.preprocessing.differences(image))
    return [
        f"{each} ({count:,} of {len(images):,} pictures)"
        for each, count in counts.most_common()
        if count > len(images) / 2
    ]


def laid_out_data(model: Model, data: DataSet, split: str, ink: str) -> DataSet:
    """The data with the ink of the pictures that are judged as in training, where asked for."""
    from striate.data.preprocess import laid_out

    check_way(ink)
    if ink == "keep":
        return data
    asked = {name: split in (name, "all") for name in ("train", "validation", "test")}

    def laid(name: str, pictures: AnySplit) -> AnySplit:
        return laid_out(pictures, model.preprocessing) if asked[name] else pictures

    return replace(
        data,
        train=laid("train", data.train),
        validation=data.validation and laid("validation", data.validation),
        test=data.test and laid("test", data.test),
    )
