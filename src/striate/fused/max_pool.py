"""Convolution, activation and 2x2 max-pool: the kernels of `csrc/conv_max.cpp`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache

from striate.fused import build

FEWEST_FOR_TILES = 16


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("conv_max")
    built.max_forward_workspace.restype = ctypes.c_int64
    built.max_tiles_workspace.restype = ctypes.c_int64
    built.max_backward_workspace.restype = ctypes.c_int64
    return built


def tiles_are_faster(weight: Sequence[int]) -> bool:
    """Whether Winograd's tiles are faster: kernels of 3x3 or 5x5, enough channels.

    >>> tiles_are_faster((64, 32, 5, 5)), tiles_are_faster((64, 1, 5, 5))
    (True, False)
    """
    outputs, channels, height, width = weight
    return height == width and height in (3, 5) and min(channels, outputs) >= FEWEST_FOR_TILES


def places_size(size: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """The shape of the bytes that backward reads, for a pooled size: one for each pooled output.

    A byte is the place of the maximum in its window (0..3 in reading order; 4 where ReLU is dead),
    all that backward keeps of the convolution's output. (batch, pooled height * pooled width,
    outputs rounded up to 16).

    >>> places_size((2, 20, 3, 5))
    (2, 15, 32)
    """
    batch, outputs, height, width = size
    return batch, height * width, -(-outputs // 16) * 16
