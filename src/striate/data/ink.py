"""Ink on plain ground: what training pictures look like, and other pictures made to look so.

A network that learned white digits on black, all of one size and in the middle, is asked about
photographs: dark ink on paper, in a shadow, in a corner. `Ink` keeps a few numbers of the
training pictures; `differences` says what is otherwise in a picture; `like_training` finds the
ink and lays it out as MNIST did, in a box of one size with its center of mass in the middle
(Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from striate.data.decode import PixelArray
from striate.data.strokes import Flags, Gray, found_ink, luma, stroke_width
from striate.errors import DataError

if TYPE_CHECKING:
    from striate.data.dataset import AnySplit


WAYS = ("keep", "auto")
SAMPLE = 500  # training pictures that are measured
_VISIBLE = 0.2  # of black to white, from which a pixel counts as ink


@dataclass(frozen=True)
class Ink:
    """Medians over training pictures of ink on plain ground; levels and lengths are shares.

    Args:
        ground, level: of the ground and of the ink, 0 black to 1 white.
        box: the longer side of the box around the ink, of the picture's shorter side.
        row, column: the ink's center of mass, of the picture's height and width.
        stroke: the width of its strokes, of the longer side of its box.

    Raises:
        DataError: a number that cannot be a share.

    >>> ink = Ink(0.0, 1.0, 0.7, 0.5, 0.5, 0.12)
    >>> ink.is_light, Ink.from_dict(ink.to_dict()) == ink
    (True, True)
    """

    ground: float
    level: float
    box: float
    row: float
    column: float
    stroke: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            legal = isinstance(value, int | float) and not isinstance(value, bool)
            if not (legal and 0 <= value <= 1):
                raise DataError(f"ink: {field.name} is a share from 0 to 1, not {value!r:.40}")
        if self.ground == self.level or not self.box:
            raise DataError("ink: it differs from the ground and has a size")

    @property
    def is_light(self) -> bool:
        """Whether the ink is lighter than the ground."""
        return self.level > self.ground

    def to_dict(self) -> dict[str, float]:
        """The numbers by name, for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, numbers: Mapping[str, Any]) -> Ink:
        """The inverse of `to_dict`.

        Raises:
            DataError: a number is missing, unknown or no share.
        """
        names = {field.name for field in fields(cls)}
        if not isinstance(numbers, Mapping) or set(numbers) != names:
            raise DataError(f"ink is a table of {', '.join(sorted(names))}")
        return cls(**numbers)


@dataclass(frozen=True)
class _InkSeen:
    """What one picture looks like: the numbers of `Ink`, and how plain it is."""

    ground: float
    level: float
    box: float
    row: float
    column: float
    stroke: float
    uneven: float  # share of the frame of pixels around it that is no ground
    one_sided: float  # 1 where all ink is lighter or all is darker than the ground


def measure_ink(split: AnySplit) -> Ink | None:
    """What the ink of training pictures looks like; None where they are not ink on plain ground.

    Up to `SAMPLE` pictures, spread over the split, are looked at.
    """
    rows = np.unique(np.linspace(0, len(split) - 1, min(SAMPLE, len(split))).astype(np.int64))
    seen = [_seen(luma(image)) for image in split.images[rows]]
    plain = [each for each in seen if each and each.uneven <= 0.4 and each.one_sided >= 0.9]
    if len(plain) < 0.8 * len(seen):
        return None
    lighter = sum(each.level > each.ground for each in plain)
    if 0.1 * len(plain) < lighter < 0.9 * len(plain):
        return None  # of both kinds: the network was taught to take either
    is_light = lighter > len(plain) / 2
    alike = [each for each in plain if (each.level > each.ground) == is_light]
    medians = {
        field.name: round(float(np.median([getattr(each, field.name) for each in alike])), 4)
        for field in fields(Ink)
    }
    return Ink(**medians) if medians["ground"] != medians["level"] and medians["box"] else None


def differences(ink: Ink, image: PixelArray) -> tuple[str, ...]:
    """What is otherwise in a picture than in training, a sentence each; usually nothing.

    Args:
        image: C x H x W, as it goes to the network.
    """
    here = _seen(luma(image))
    if here is None:
        return ("no ink is to be seen here",)
    names = ("dark", "light")
    is_light = here.level > here.ground
    contrast, usual = abs(here.level - here.ground), abs(ink.level - ink.ground)
    side = max(abs(here.row - ink.row), abs(here.column - ink.column))
    # Each with what it would be called, most telling first.
    said = (
        (
            is_light != ink.is_light,
            f"ink is {names[is_light]} here and was {names[ink.is_light]} in training",
        ),
        (here.uneven > 0.4, "the ground is uneven here and was plain in training"),
        (
            here.box < 0.75 * ink.box or here.box > 1.25 * ink.box,
            f"ink fills {here.box:.0%} of the side here and filled {ink.box:.0%} in training",
        ),
        (side > 0.1, f"ink is {side:.0%} of the side off its place in training"),
        (contrast < 0.5 * usual, f"contrast is {contrast:.0%} here and was {usual:.0%}"),
    )
    return tuple(text for is_so, text in said if is_so)


def _seen(gray: Gray) -> _InkSeen | None:
    frame = np.concatenate([gray[0], gray[-1], gray[1:-1, 0], gray[1:-1, -1]])
    ground = float(np.median(frame))
    signed = gray - ground
    strength = np.abs(signed)
    visible = strength > max(_VISIBLE, 0.3 * float(strength.max()))
    if not visible.any():
        return None
    weight = np.where(visible, strength, 0)
    one_sided = float(np.where(visible, signed, 0).sum() / weight.sum())
    ink = strength[visible & ((signed > 0) == (one_sided > 0))]
    level = ground + math.copysign(float(np.quantile(ink, 0.9)) if len(ink) else 0, one_sided)
    top, bottom, left, right = box_of(visible)
    longer = max(bottom - top, right - left)
    height, width = gray.shape
    rows, columns = weight.sum(axis=1), weight.sum(axis=0)
    return _InkSeen(
        ground=ground,
        level=min(max(level, 0.0), 1.0),
        box=min(1.0, longer / min(height, width)),
        row=float((rows @ (np.arange(height) + 0.5)) / rows.sum() / height),
        column=float((columns @ (np.arange(width) + 0.5)) / columns.sum() / width),
        stroke=min(1.0, stroke_width(weight / weight.max()) / longer),
        uneven=float((np.abs(frame - ground) > 0.15).mean()),
        one_sided=abs(one_sided),
    )


def box_of(mask: Flags) -> tuple[int, int, int, int]:
    """(top, bottom, left, right) of what is true, the ends excluded."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def like_training(ink: Ink, image: PixelArray, shape: tuple[int, int, int]) -> PixelArray:
    """The ink of a photograph, laid out and shaded as in training.

    Args:
        image: C x H x W with all its detail; color helps to tell ink from shadow.
        shape: (channels, height, width) of the result.

    Raises:
        DataError: no ink is found.
    """
    channels, height, width = shape
    strength = found_ink(image)
    if strength is None:
        raise DataError(
            "no ink is found in it", remedy="Without --ink auto the picture is taken as it is."
        )
    strength = _of_width(strength, ink.stroke)
    top, bottom, left, right = box_of(strength > 0.3)
    cut = Image.fromarray((strength[top:bottom, left:right] * 255).astype(np.uint8))
    side = ink.box * min(height, width)
    scale = side / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    small = (
        np.asarray(
            cut.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BILINEAR)
        )
        / 255
    )
    placed = _placed(small, (height, width), (ink.row * height, ink.column * width))
    levels = ink.ground + (ink.level - ink.ground) * placed
    plane = np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)
    return np.repeat(plane[None], channels, axis=0)


def _of_width(strength: Gray, wanted: float) -> Gray:
    """Strokes thickened or thinned to about their width in training."""
    top, bottom, left, right = box_of(strength > 0.3)
    longer = max(bottom - top, right - left)
    have = stroke_width(strength)
    # A thicker stroke makes a larger box, of which the wanted width is a share.
    grow = (wanted * longer - have) / (2 * (1 - wanted))
    grow = max(grow, -0.2 * have)  # more would tear what is thin already
    steps = round(grow)
    if steps == 0:
        return strength
    padded = np.pad(strength, max(steps, 0) + 1)
    filtered = Image.fromarray((padded * 255).astype(np.uint8))
    thicker, thinner = ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)
    for _ in range(abs(steps)):
        filtered = filtered.filter(thicker if steps > 0 else thinner)
    result = np.asarray(filtered) / 255
    return result if (result > 0.3).any() else strength


def _placed(small: Gray, size: tuple[int, int], center: tuple[float, float]) -> Gray:
    """A small picture in a larger one, its center of mass at `center` as far as it fits."""
    out = np.zeros(size)
    corner = []
    for axis in (0, 1):
        weight = small.sum(axis=1 - axis)
        own = float(weight @ (np.arange(len(weight)) + 0.5) / max(weight.sum(), 1e-9))
        most = max(size[axis] - small.shape[axis], 0)
        corner.append(min(max(round(center[axis] - own), 0), most))
    part = small[: size[0], : size[1]]
    out[corner[0] : corner[0] + part.shape[0], corner[1] : corner[1] + part.shape[1]] = part
    return out
