"""Convolution of plain arrays, one or two axes: what a layer does, without the layer.

Cross-correlation slides the kernel as it is; convolution first rotates it by 180 degrees:

    correlate:  y[i] = Σ_u x[i + u - p] · f[u]        convolve:  y[i] = Σ_u x[i - u + …] · f[u]

The mode says how outputs are counted: "narrow" keeps only whole windows (n - m + 1 outputs), "wide"
pads until every overlap counts (n + m - 1), "same" keeps the size. Layers use cross-correlation: a
learned kernel does not mind.

Source: Gonzalez and Woods, "Digital Image Processing", section 3.4; Kalchbrenner, Grefenstette
and Blunsom, arXiv:1404.2188, section 2.2, for narrow and wide.

>>> convolve([1.0, 2.0, 3.0], [1.0, 0.0, -1.0], "wide").tolist()
[1.0, 2.0, 2.0, -2.0, -3.0]
>>> moving_average([3.0, 6.0, 9.0, 0.0], 3).tolist()
[6.0, 5.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from striate.errors import SettingError, ShapeError
from striate.graph.window import windows
from striate.ops import checked, sliding
from striate.ops.arrays import Array

__all__ = ["convolve", "correlate", "mean_filter", "moving_average"]

MODES = {"narrow": "valid", "wide": "full", "same": "same"}
"""How outputs are counted, and the padding that does it."""


def correlate(x: ArrayLike, kernel: ArrayLike, mode: str = "narrow") -> Array:
    """Slide `kernel` over `x` as it is, and sum the products at every position.

    Shapes: x (n,) or (h, w), kernel with as many axes -> narrow n - m + 1, wide n + m - 1, or
    same n along each.

    Raises:
        ShapeError: not one or two axes, or another number of them in the kernel, or a narrow
            kernel larger than the input.
        SettingError: an unknown mode.
    """
    signal, taps = _numbers(x), _numbers(kernel)
    if mode not in MODES:
        raise SettingError(f"mode is {mode!r}", remedy="Write narrow, wide or same.")
    if signal.ndim not in (1, 2) or taps.ndim != signal.ndim or not taps.size:
        raise ShapeError(
            f"an input of {signal.ndim} axes and a kernel of {taps.ndim} do not go together",
            remedy="Pass two vectors or two matrices.",
        )
    axes = windows(signal.ndim, taps.shape, padding=MODES[mode])
    if any(not axis.outputs(n) for axis, n in zip(axes, signal.shape, strict=True)):
        raise ShapeError(
            f"a kernel of {taps.shape} does not fit into {signal.shape}",
            remedy="Use a smaller kernel, or wide.",
        )
    seen = sliding.views(signal[None, None], axes)[0, 0]
    return np.tensordot(seen, taps, axes=signal.ndim)


def convolve(x: ArrayLike, kernel: ArrayLike, mode: str = "narrow") -> Array:
    """`correlate` with the kernel rotated by 180 degrees: mathematics' convolution.

    Shapes and errors are those of `correlate`.
    """
    return correlate(x, np.flip(_numbers(kernel)), mode)


def moving_average(x: ArrayLike, length: int, mode: str = "narrow") -> Array:
    """The mean of every `length` neighbors of a signal.

    Shapes: x (n,) -> narrow n - length + 1, wide n + length - 1, same n.

    Raises:
        ShapeError: more neighbors than the signal has, when narrow.
        SettingError: a length below 1, or an unknown mode.
    """
    checked.count("length", length, 3)
    return correlate(x, np.full(length, 1 / length), mode)


def mean_filter(picture: ArrayLike, size: int | tuple[int, int], mode: str = "same") -> Array:
    """Every pixel becomes the mean of the window around it; the border counts zeros beyond it.

    Args:
        size: height and width of the window, or one number for both.

    Shapes: (h, w) -> same (h, w), narrow and wide as in `correlate`.

    Raises:
        ShapeError: not a matrix, or a window larger than the picture, when narrow.
        SettingError: a size below 1, or an unknown mode.
    """
    height, width = size if isinstance(size, tuple) else (size, size)
    checked.count("the height of the window", height, 3)
    checked.count("the width of the window", width, 3)
    return correlate(picture, np.full((height, width), 1 / (height * width)), mode)


def _numbers(values: ArrayLike) -> Array:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ShapeError(
            f"{values!r:.60} is no array of numbers", remedy="Pass a vector or a matrix."
        ) from None
