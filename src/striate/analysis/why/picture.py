"""The last step of a walk: from the network's input to the picture's own pixels."""

from __future__ import annotations

import re
from typing import Any

from numpy.typing import NDArray

from striate.data.preprocess import Preprocessing
from striate.reference import NamedFactor, Number, Product

_PIXEL = re.compile(r"pixel\[(\d{1,9}),(\d{1,9}),(\d{1,9})\]", re.ASCII)


def pixel_products(
    number: Number, pixels: NDArray[Any], preprocessing: Preprocessing
) -> tuple[str, list[Product]]:
    """Formula and terms of one number of the input: (pixel / 255 - mean) / std.

    Args:
        pixels: the picture (channels, height, width), 0 to 255.
    """
    pixel = f"pixel[{','.join(map(str, number.index))}]"
    channel = number.index[0]
    scale, shift = _constants(preprocessing, channel)
    mean, std = preprocessing.mean[channel], preprocessing.std[channel]
    value = float(pixels[number.index])
    return (
        f"({pixel} / 255 - {mean:.6g}) / {std:.6g}",
        [Product((NamedFactor(pixel, value, (pixel,)), scale)), Product((shift,))],
    )


def _constants(preprocessing: Preprocessing, channel: int) -> tuple[NamedFactor, NamedFactor]:
    mean, std = preprocessing.mean[channel], preprocessing.std[channel]
    scale, shift = f"1/(255 · std[{channel}])", f"-mean[{channel}]/std[{channel}]"
    return NamedFactor(scale, 1 / (255 * std), (scale,)), NamedFactor(shift, -mean / std, (shift,))


def pixel_value(what: str, pixels: NDArray[Any], preprocessing: Preprocessing) -> float | None:
    """The value of a pixel, or of one of the two constants that stand beside it."""
    match = _PIXEL.fullmatch("".join(what.split()))
    if match:
        index = tuple(map(int, match.groups()))
        inside = all(place < size for place, size in zip(index, pixels.shape, strict=True))
        return float(pixels[index]) if inside else None
    for channel in range(preprocessing.channels):
        for factor in _constants(preprocessing, channel):
            if "".join(what.split()) == "".join(factor.what.split()):
                return factor.value
    return None
