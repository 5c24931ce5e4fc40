"""Data sets that come as whole arrays: fitted to the input a network asks for."""

from __future__ import annotations

import numpy as np

from striate.data.dataset import DataSet, Share, Split, make
from striate.data.decode import PixelArray, picture, resized
from striate.data.stream import Labels
from striate.errors import DataError

LabeledPictures = tuple[PixelArray, Labels]


def from_arrays(
    name: str,
    classes: tuple[str, ...],
    train: LabeledPictures,
    test: LabeledPictures,
    *,
    size: tuple[int, int] | None,
    channels: int | None,
    validation: Share,
    seed: int,
) -> DataSet:
    """A data set of uint8 pictures N x C x H x W with int64 labels, resized where asked.

    Raises:
        DataError: labels that name no class, or counts of pictures and labels that differ.
    """
    splits = []
    for what, (images, labels) in (("training", train), ("test", test)):
        _check(f"{name}, {what}", images, labels, len(classes))
        splits.append(Split(fit(images, channels=channels, size=size), labels))
    own = train[0].shape[2:]
    changed = size is not None and tuple(size) != own
    return make(
        name,
        classes,
        splits[0],
        splits[1],
        validation=validation,
        seed=seed,
        notes=[resized((own[0], own[1]), size)] if changed and size else (),
    )


def fit(images: PixelArray, *, channels: int | None, size: tuple[int, int] | None) -> PixelArray:
    """Pictures N x C x H x W with another size or number of channels, as `picture` makes them.

    >>> fit(np.zeros((2, 1, 8, 8), dtype=np.uint8), channels=3, size=(28, 20)).shape
    (2, 3, 28, 20)
    """
    channels = channels or images.shape[1]
    size = size or (images.shape[2], images.shape[3])
    if (channels, *size) == images.shape[1:]:
        return images
    out = np.empty((len(images), channels, *size), dtype=np.uint8)
    for row, image in enumerate(images):
        out[row] = picture(image, channels=channels, size=size)
    return out


def _check(where: str, images: PixelArray, labels: Labels, classes: int) -> None:
    if len(images) != len(labels):
        raise DataError(f"{where}: {len(images):,} pictures but {len(labels):,} labels")
    if labels.min() < 0 or labels.max() >= classes:
        wrong = labels[(labels < 0) | (labels >= classes)]
        raise DataError(
            f"{where}: label {wrong[0]} names none of the {classes} classes "
            f"({len(wrong):,} such labels)"
        )
