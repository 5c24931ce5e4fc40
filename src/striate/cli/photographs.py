"""`--ink`: what the commands say and do of photographs of ink."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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


def print_notes(
    pictures: Mapping[str, Given], preprocessing: Preprocessing | None, ink: str
) -> None:
    """Say on standard error what is otherwise in pictures than in training, sizes once for all."""
    resized = [given.resizing for given in pictures.values() if given.resizing]
    for what, count in Counter(resized).most_common(SIZES):
        first = next(path for path, given in pictures.items() if given.resizing == what)
        more = f" and {count - 1:,} more" if count > 1 else ""
        terminal.say(f"{printable(first)}{more}: {what}", error=True)
    if len(set(resized)) > SIZES:
        terminal.say(f"pictures of {len(set(resized)) - SIZES:,} other sizes as well", error=True)
    for path, given in pictures.items():
        print_differences(path, given.notes(preprocessing), ink)


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
