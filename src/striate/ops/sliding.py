"""NumPy views of sliding windows: what convolution and pooling share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import TypeAlias

import numpy as np

from striate.display import shape_text
from striate.errors import ShapeError
from striate.graph import Spec, Window
from striate.ops.arrays import Array


def output_sizes(windows: Sequence[Window], x: Spec, what: str = "window") -> tuple[int, ...]:
    """Spatial sizes of the output.

    Raises:
        ShapeError: a window does not fit; the remedy names sizes that would.
    """
    sizes = tuple(w.outputs(n) for w, n in zip(windows, x.spatial, strict=True))
    if 0 not in sizes:
        return sizes
    extents = shape_text(w.extent for w in windows)
    fits = shape_text(n + w.before + w.after for w, n in zip(windows, x.spatial, strict=True))
    lacking = max(
        w.extent - n - w.before - w.after for w, n in zip(windows, x.spatial, strict=True)
    )
    padded = any(w.before or w.after for w in windows)
    padding = f"padding included: {fits}" if padded else "no padding"
    raise ShapeError(
        f"the {extents} {what} of {{self}} does not fit its "
        f"{shape_text(x.spatial)} input ({padding})",
        remedy=f"Windows up to {fits} fit; or pad by {-(-lacking // 2)} more on each side, "
        f"pool less before it, or start from a larger picture.{_channels_first(x)}",
    )


def _channels_first(x: Spec) -> str:
    """What to say of a shape that looks like a picture with its channels last."""
    *sides, last = x.shape
    if len(sides) != 2 or last not in (1, 3) or min(sides) < 8:
        return ""
    size = shape_text(sides)
    return f"\nChannels come first: {size} pixels are INPUT {last}x{size}."


def padded_size(x: Spec, windows: Sequence[Window]) -> int:
    """How many numbers `x` has with what is put around it, as far as the windows reach."""
    sizes = zip(windows, x.spatial, strict=True)
    return x.channels * prod(w.before + n + w.overhang(n) for w, n in sizes)


def padded(x: Array, windows: Sequence[Window], fill: float = 0.0) -> Array:
    """`x` (batch, channel, *spatial) with `fill` around it, as far as the windows reach."""
    sides = [(w.before, w.overhang(n)) for w, n in zip(windows, x.shape[2:], strict=True)]
    return np.pad(x, [(0, 0), (0, 0), *sides], constant_values=fill)


def views(x: Array, windows: Sequence[Window], fill: float = 0.0) -> Array:
    """Every window of `x`: (batch, channel, *output positions, *taps), copying only the padding."""
    around = padded(x, windows, fill)
    axes = tuple(range(2, x.ndim))
    slid = np.lib.stride_tricks.sliding_window_view(
        around, tuple(w.extent for w in windows), axis=axes
    )
    counts = (w.outputs(n) for w, n in zip(windows, x.shape[2:], strict=True))
    steps = [
        slice(0, (n - 1) * w.stride + 1, w.stride) for w, n in zip(windows, counts, strict=True)
    ]
    taps = [slice(None, None, w.dilation) for w in windows]
    return slid[(slice(None), slice(None), *steps, *taps)]


def trimmed_views(x: Array, axes: Sequence[Window]) -> Array:
    """`views` for windows whose padding may be negative, which crops instead.

    One side may crop more than there is, where the other pads: so it is padded first.
    """
    sides = [(max(0, w.before), max(0, w.after)) for w in axes]
    around = np.pad(x, [(0, 0), (0, 0), *sides])
    crop = (
        slice(max(0, -w.before), n - max(0, -w.after))
        for w, n in zip(axes, around.shape[2:], strict=True)
    )
    fits = [Window(w.kernel, 1, w.dilation) for w in axes]
    return views(around[(slice(None), slice(None), *crop)], fits)


def scattered(parts: Array, windows: Sequence[Window], like: Array) -> Array:
    """The opposite of `views`: add (batch, channel, *positions, *taps) back onto an input.

    Where windows overlap, their parts add up; parts on the padding are dropped.
    """
    rank = len(windows)
    counts, taps = parts.shape[2 : 2 + rank], parts.shape[2 + rank :]
    total = np.zeros_like(padded(like, windows), dtype=parts.dtype)
    by_tap = np.moveaxis(parts, range(2 + rank, 2 + 2 * rank), range(rank))
    for tap in product(*map(range, taps)):
        where = tuple(
            slice(u * w.dilation, u * w.dilation + (n - 1) * w.stride + 1, w.stride)
            for u, w, n in zip(tap, windows, counts, strict=True)
        )
        total[(slice(None), slice(None), *where)] += by_tap[tap]
    inside = tuple(
        slice(w.before, w.before + n) for w, n in zip(windows, like.shape[2:], strict=True)
    )
    return total[(slice(None), slice(None), *inside)]


Place: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]


def taps_of(
    windows: Sequence[Window], output: Sequence[int], sizes: Sequence[int]
) -> Iterator[Place]:
    """(tap, input position) for each tap of one output that lies inside the input."""
    axes = [list(w.taps(o, n)) for w, o, n in zip(windows, output, sizes, strict=True)]
    for pairs in product(*axes):
        yield tuple(tap for tap, _ in pairs), tuple(position for _, position in pairs)


def outputs_of(
    windows: Sequence[Window], position: Sequence[int], sizes: Sequence[int]
) -> Iterator[Place]:
    """(output position, tap) for each window that sees one input position."""
    axes = [list(w.uses(p, n)) for w, p, n in zip(windows, position, sizes, strict=True)]
    for pairs in product(*axes):
        yield tuple(output for output, _ in pairs), tuple(tap for _, tap in pairs)


LETTERS = ("u", "v", "w", "t")


def tap_text(windows: Sequence[Window], output: Sequence[int]) -> str:
    """Where the taps of one output lie: `4+u, 7+v`, with padding and dilation worked in."""
    return ", ".join(
        _sum(w.start(o), w.dilation, letter)
        for w, o, letter in zip(windows, output, LETTERS, strict=False)
    )


def _sum(start: int, factor: int, letter: str) -> str:
    step = letter if factor == 1 else f"{factor}{letter}"
    if start == 0:
        return step
    return f"{start}+{step}" if start > 0 else f"{step}-{-start}"
