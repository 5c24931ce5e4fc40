"""Convolution, activation and 2x2 average pool: the kernels of `csrc/conv_avg.cpp`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

from striate.fused import build

FEWEST_CHANNELS, FEWEST_OUTPUTS = 6, 16  # where both passes gain, with AVX2 and with AVX-512


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("conv_avg")
    built.avg_forward_workspace.restype = ctypes.c_int64
    built.avg_backward_workspace.restype = ctypes.c_int64
    built.avg_tiles_workspace.restype = ctypes.c_int64
    built.avg_tiles_backward_workspace.restype = ctypes.c_int64
    return built


def tiles_are_faster(weight: Sequence[int]) -> bool:
    """Whether Winograd's tiles are faster, forward and back: 3x3 or 5x5, enough maps.

    >>> tiles_are_faster((16, 6, 5, 5)), tiles_are_faster((16, 1, 5, 5))
    (True, False)
    """
    outputs, channels, height, width = weight
    many = channels >= FEWEST_CHANNELS and outputs >= FEWEST_OUTPUTS
    return height == width and height in (3, 5) and many


def kept_size(size: tuple[int, int, int, int], activation: int, keep: bool) -> int:
    """How many floats backward reads, for a pooled size: what the activation gave before the pool.

    They lie in the kernels' own order, the batch rounded up to whole vectors. None for "identity",
    whose derivative needs nothing.

    >>> kept_size((3, 2, 5, 7), 0, True)
    0
    """
    if not (keep and activation):
        return 0
    batch, outputs, height, width = size
    lanes = library().avg_lanes()
    return int(-(-batch // lanes) * lanes * outputs * 4 * height * width)
