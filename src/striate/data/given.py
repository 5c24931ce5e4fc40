"""One picture as a person names it: a file, a test picture by number, or a file of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from striate.data.catalog import kept_place, load, named
from striate.data.decode import PictureSource, PixelArray, measure, resized
from striate.data.pictures import Size
from striate.data.sources import exists
from striate.data.survey import survey
from striate.display import shape_text
from striate.errors import DataError
from striate.exchange.written import is_matrix, read_matrix
from striate.graph import Spec
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from striate.data.preprocess import Preprocessing


@dataclass(frozen=True)
class Given:
    """A picture as one network takes it.

    Args:
        pixels: uint8 (channels, height, width), as `Preprocessing.picture` gives it; None where
            the network's input itself was given.
        numbers: that input, shaped as the network takes it, in float64; None for a picture.
        label: its class, where that is known.
        size: the (height, width) it had, where it was brought to another.
    """

    pixels: PixelArray | None = None
    numbers: Array | None = None
    label: str = ""
    size: Size | None = None

    def input(self, preprocessing: Preprocessing | None) -> Array:
        """The network's input in float32, without the axis of the batch."""
        if self.pixels is None or preprocessing is None:
            return np.asarray(self.numbers, dtype=np.float32)
        import torch

        normalized: Array = preprocessing.normalize(torch.tensor(self.pixels)).numpy()
        return normalized

    def notes(self, preprocessing: Preprocessing | None) -> tuple[str, ...]:
        """What is otherwise than in training, a sentence each; usually nothing."""
        if self.pixels is None or preprocessing is None:
            return ()
        return preprocessing.differences(self.pixels)

    @property
    def resizing(self) -> str:
        """`30x40 pixels are resized to the 8x8 that the network takes`, where they are."""
        if self.size is None or self.pixels is None:
            return ""
        _, height, width = self.pixels.shape
        return resized(self.size, (height, width))


def read(
    word: str | Path,
    takes: Spec,
    preprocessing: Preprocessing | None,
    *,
    data_dir: Path | str | None = None,
    kept: Path | str | None = None,
    ink: str = "keep",
) -> Given:
    """The picture that `word` names.

    Args:
        word: a picture file of any size; a test picture by number (digits#7); or the network's
            input as numbers: a .csv or .txt file of rows, nested lists in a .yaml or .json file.
        takes: the network's input.
        preprocessing: from a picture to that input; None where the network does not say.
        data_dir: where named data sets lie.
        kept: the same, where nothing else is said.
        ink: as `Preprocessing.picture` takes it.

    Raises:
        DataError: it cannot be read, has another shape, or the data set has no such picture.
    """
    if is_matrix(word):
        return Given(numbers=_fitting(read_matrix(word), takes))
    if preprocessing is None:
        unsaid = "the network does not say how a picture becomes its input"
        raise DataError(
            unsaid if takes.rank == 3 else f"the network takes {takes}, not a picture",
            remedy="Give the input itself: an array of floats, or a CSV or YAML file of numbers.",
        )
    numbered = _numbered(str(word))
    if numbered is None:
        source: PictureSource = word
        label, size = "", measure(word)
    else:
        source, label, size = _of_set(*numbered, preprocessing, data_dir, kept)
    pixels = preprocessing.picture(source, ink=ink)
    is_changed = ink == "keep" and size != pixels.shape[1:]
    return Given(pixels, label=label, size=size if is_changed else None)


def input_of(numbers: Array, takes: Spec) -> Array | None:
    """The numbers shaped as a network takes them, or None where they have another shape.

    One picture may stand as it is, in a batch of one, or without the axis of its one channel.
    """
    shape = takes.shape
    gray = (shape[1:],) if len(shape) > 1 and shape[0] == 1 else ()
    fits = numbers.shape in (shape, (1, *shape), *gray)
    return numbers.reshape(shape) if fits else None


def _fitting(numbers: Array, takes: Spec) -> Array:
    found = input_of(numbers, takes)
    if found is None:
        raise DataError(
            f"the network takes {takes}, but the array is {shape_text(numbers.shape)}",
            remedy="An empty line stands between two channels.",
        )
    return found


def _numbered(word: str) -> tuple[str, int] | None:
    """Data set and number of digits#7; None for a file.

    Raises:
        DataError: a data set without a number.
    """
    if exists(Path(word)):
        return None
    if named(word):
        raise DataError(f"which picture of {word}?", remedy=f"Number one: {word}#7.")
    name, mark, number = word.rpartition("#")
    return (name, int(number)) if mark and number.isdecimal() and len(number) < 19 else None


def _of_set(
    name: str,
    number: int,
    preprocessing: Preprocessing,
    data_dir: Path | str | None,
    kept: Path | str | None,
) -> tuple[PixelArray, str, Size]:
    """A test picture by number, its class, and the size it had."""
    channels, height, width = preprocessing.shape
    place = data_dir or kept_place(name, kept)
    data = load(name, data_dir=place, size=(height, width), channels=channels)
    pictures = data.split("test")
    if number >= len(pictures):
        raise DataError(
            f"{name} has no test picture {number}",
            remedy=f"They are numbered 0 to {len(pictures) - 1}.",
        )
    image = pictures.images[number]
    path = pictures.paths[number] if pictures.paths else ""
    size = measure(path) if path and Path(path).is_file() else survey(name).size
    height_width_channels = image[0] if channels == 1 else image.transpose(1, 2, 0)
    return height_width_channels, data.classes[int(pictures.labels[number])], size
