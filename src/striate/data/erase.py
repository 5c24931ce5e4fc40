"""Random erasing: a rectangle of some pictures is filled with noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

AREA = (0.02, 0.33)
ASPECT = (0.3, 3.3)
"""Shares of the picture, and ratios of height and width, as in the paper's section 4."""


def erased(x_nchw: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Pictures N x C x H x W of bytes, in a share of which a rectangle is noise.

    Zhong, Zheng, Kang, Li and Yang, Random Erasing Data Augmentation, arXiv:1708.04896, algorithm
    1; a rectangle that would not fit is made as large as the picture.

    Args:
        share: how probable it is that a picture is changed.
        generator: on the CPU; the same state gives the same on every device.
    """
    import torch

    n, _, height, width = x_nchw.shape
    drawn = torch.rand((5, n), generator=generator, dtype=torch.float64)
    noise = torch.randint(0, 256, x_nchw.shape, generator=generator, dtype=torch.uint8)
    area = (AREA[0] + drawn[1] * (AREA[1] - AREA[0])) * height * width
    low, high = map(math.log, ASPECT)
    aspect = torch.exp(low + drawn[2] * (high - low))
    inside = _within(height, (area * aspect).sqrt(), drawn[3])[:, :, None]
    inside = inside & _within(width, (area / aspect).sqrt(), drawn[4])[:, None, :]
    inside = inside & (drawn[0] < share)[:, None, None]
    return torch.where(inside[:, None].to(x_nchw.device), noise.to(x_nchw.device), x_nchw)


def _within(length: int, side: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Whether each pixel of an axis is in the rectangle (N, length)."""
    import torch

    whole = side.round().clamp(1, length)
    start = (place * (length - whole + 1)).floor()
    pixels = torch.arange(length)
    return (pixels >= start[:, None]) & (pixels < (start + whole)[:, None])
