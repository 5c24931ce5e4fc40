"""From any picture to the input of one network; it travels inside the model file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.data.dataset import AnySplit, Split
from striate.data.decode import FITS, MOST_PIXELS, PictureSource, PixelArray, picture
from striate.data.ink import WAYS, Ink, differences, like_training
from striate.data.names import printable
from striate.display import shape_text
from striate.errors import DataError
from striate.graph.settings import shown

if TYPE_CHECKING:
    import torch

_FIELDS = ("channels", "height", "width", "mean", "std", "fit", "ink")
_OPTIONAL = {"fit", "ink"}


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a picture before a network sees it.

    A pixel p of 0..255 in channel c enters the network as (p / 255 - mean[c]) / std[c].

    Args:
        channels: 1 (gray) or 3 (red, green, blue).
        height, width: of the network's input, in pixels.
        mean, std: a value a channel, of pixels scaled to 0..1.
        fit: "resize" stretches a picture of another shape; "crop" cuts its longer side.
        ink: what the training pictures looked like, where they were ink on plain ground.

    Raises:
        DataError: a field that cannot mean anything.

    >>> p = Preprocessing(1, 28, 28, mean=(0.13,), std=(0.31,))
    >>> Preprocessing.from_dict(p.to_dict()) == p
    True
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: str = "resize"
    ink: Ink | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "height", "width"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value < 2**31:
                raise _bad(name, value, "a whole number of 1 or more")
        if self.height * self.width > MOST_PIXELS:
            raise DataError(
                f"preprocessing: {self.height} x {self.width} = {self.height * self.width:,} "
                f"pixels, more than {MOST_PIXELS:,} of a picture"
            )
        if self.fit not in FITS:
            raise _bad("fit", self.fit, " or ".join(FITS))
        for name in ("mean", "std"):
            object.__setattr__(self, name, _finite(name, getattr(self, name), self.channels))
        if min(self.std) <= 0:
            raise _bad("std", self.std, "above zero in every channel")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the network's input."""
        return (self.channels, self.height, self.width)

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain numbers, lists and text, for JSON."""
        return {
            "channels": self.channels,
            "height": self.height,
            "width": self.width,
            "mean": list(self.mean),
            "std": list(self.std),
            "fit": self.fit,
            **({"ink": self.ink.to_dict()} if self.ink else {}),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`.

        Raises:
            DataError: a field is missing, unknown or cannot mean anything.
        """
        if not isinstance(fields, Mapping):
            raise DataError(f"preprocessing is a table of fields, not {type(fields).__name__}")
        if strange := sorted(str(name) for name in set(fields) - set(_FIELDS)):
            raise DataError(f"preprocessing has no field {', '.join(strange)}", where=_KNOWN)
        if missing := sorted(set(_FIELDS) - _OPTIONAL - set(fields)):
            raise DataError(f"preprocessing lacks {', '.join(missing)}", where=_KNOWN)
        given = dict(fields)
        if given.get("ink") is not None:
            given["ink"] = Ink.from_dict(given["ink"])
        return cls(**given)

    def picture(self, source: PictureSource, *, name: str = "", ink: str = "keep") -> PixelArray:
        """Any picture as uint8 of shape (channels, height, width), as `normalize` takes it.

        Gray or color is made what the network takes, and the size is fitted. A network that
        learned white digits on black wants white digits on black: `differences` says where a
        picture is otherwise.

        Args:
            ink: "keep" inverts and moves nothing. "auto" takes the picture for a photograph of
                ink: finds it in the light and shadow of its paper, and gives it the polarity,
                size, place and stroke that it had in training.

        Raises:
            DataError: the picture cannot be read; or "auto" finds no ink, or does not know how it
                looked in training.
        """
        if self.channels not in (1, 3):
            raise DataError(
                f"a picture file cannot fill an input of {self.channels} channels",
                remedy="Picture files have 1 (gray) or 3 (color). Give the network an array.",
            )
        if ink not in WAYS:
            raise DataError(f"ink is taken as {' or '.join(WAYS)}, not {ink!r:.40}")
        if ink == "auto":
            return self._laid_out(source, name)
        size = (self.height, self.width)
        return picture(source, channels=self.channels, size=size, fit=self.fit, name=name)

    def _laid_out(self, source: PictureSource, name: str) -> PixelArray:
        if self.ink is None:
            raise DataError(
                "ink auto: this model does not know how ink looked in training",
                remedy="Models know it that were trained on ink on plain ground, since 0.1.0.",
            )
        whole = picture(source, channels=3, name=name)
        try:
            return like_training(self.ink, whole, self.shape)
        except DataError as error:
            called = name or (str(source) if isinstance(source, str | Path) else "the picture")
            raise DataError(
                f"{printable(called)}: {error.what}", where=error.where, remedy=error.remedy
            ) from None

    def differences(self, image: PixelArray) -> tuple[str, ...]:
        """What is otherwise in a picture, as `picture` gives it, than in training; usually nothing.

        A sentence each, such as "ink is dark here and was light in training".
        """
        return () if self.ink is None else differences(self.ink, image)

    @property
    def scaling(self) -> tuple[list[float], list[float]]:
        """Factor and offset of each channel: a pixel p of 0..255 enters as p · factor + offset."""
        factor = [1 / (255 * std) for std in self.std]
        return factor, [-mean / std for mean, std in zip(self.mean, self.std, strict=True)]

    def normalize(self, x_nchw: torch.Tensor) -> torch.Tensor:
        """uint8 (or float, 0..255) pictures N x C x H x W as float32: (x / 255 - mean) / std.

        The result is a fresh tensor on the same device in the same memory format.

        Raises:
            DataError: the channels are not this network's.
        """
        import torch

        if x_nchw.dim() < 3 or x_nchw.shape[-3] != self.channels:
            raise DataError(
                f"pictures of shape {shape_text(x_nchw.shape)} do not have "
                f"{self.channels} channels",
                remedy="Give N x C x H x W.",
            )
        # The same two steps for every channel count: multiply, then add, in float32.
        factor, offset = self.scaling
        x = x_nchw.to(torch.float32, copy=True)
        if self.channels == 1:
            return x.mul_(factor[0]).add_(offset[0])
        column = torch.tensor([factor, offset], device=x.device)[:, :, None, None]
        return x.mul_(column[0]).add_(column[1])

    def normalize_array(self, x: np.ndarray) -> np.ndarray:
        """`normalize` in NumPy float64, without torch, for the reference engine."""
        column = (slice(None), None, None)
        mean, std = np.array(self.mean)[column], np.array(self.std)[column]
        result: np.ndarray = (np.asarray(x, dtype=np.float64) / 255 - mean) / std
        return result


_KNOWN = f"known fields: {', '.join(_FIELDS)}"


def _bad(name: str, value: object, legal: str) -> DataError:
    return DataError(f"preprocessing: {name} is {legal}, not {shown(value)}")


def _finite(name: str, values: Any, channels: int) -> tuple[float, ...]:
    try:
        if isinstance(values, str):
            raise TypeError
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, OverflowError):
        raise _bad(name, values, "a list of numbers") from None
    if len(numbers) != channels or not all(map(math.isfinite, numbers)):
        raise _bad(name, numbers, f"{channels} finite numbers (one per channel)")
    return numbers


def laid_out(split: AnySplit, preprocessing: Preprocessing) -> Split:
    """The split with the ink of every picture as in training; files are read again, in full.

    A picture in which no ink is found stays as it is.

    Raises:
        DataError: the model does not know how ink looked in training.
    """
    if preprocessing.ink is None:
        preprocessing.picture(split.images[0], ink="auto")
    images = np.array(split.images[:])
    for row, path in enumerate(split.paths or [""] * len(split)):
        source = path if path and Path(path).is_file() else images[row]
        with suppress(DataError):
            images[row] = preprocessing.picture(source, ink="auto")
    return Split(images, split.labels, split.paths)
