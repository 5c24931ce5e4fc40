"""Pairs of pictures mixed into one, with the classes of both: mixup and CutMix.

Zhang, Cisse, Dauphin and Lopez-Paz, arXiv:1710.09412, and Yun et al., arXiv:1905.04899. What is
mixed is a function of seed and step alone, so that a run that is taken up again mixes the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

_MIXING = 3
"""A stream of random numbers of its own, beside those of `striate.data.batches`."""


@dataclass(frozen=True)
class Mixed:
    """Pictures, each a mixture of two.

    Args:
        x: pictures (N, C, H, W).
        y: classes of those that have the larger share (N,).
        other: classes of the others (N,).
        share: of `y` in the mixture, from 1/2 to 1.
    """

    x: Tensor
    y: Tensor
    other: Tensor
    share: float


def mixed(x: Tensor, y: Tensor, mixup: float, cutmix: float, seed: list[int]) -> Mixed:
    """A batch mixed with itself in another order; of two ways, one is drawn for each batch.

    Args:
        mixup, cutmix: the parameter of the beta distribution that shares are drawn from; 0 for
            never.
        seed: decides what is drawn, with the step in it.
    """
    random = np.random.default_rng([*seed, _MIXING])
    cuts = random.random() < 0.5 if mixup and cutmix else bool(cutmix)
    alpha = cutmix if cuts else mixup
    share = float(random.beta(alpha, alpha))
    share = max(share, 1 - share)
    order = torch.from_numpy(random.permutation(len(x))).to(x.device)
    if not cuts:
        return Mixed(share * x + (1 - share) * x[order], y, y[order], share)
    rows, columns = _box(x.shape[-2], x.shape[-1], 1 - share, random)
    cut = x.clone()
    cut[..., rows, columns] = x[order][..., rows, columns]
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    return Mixed(cut, y, y[order], 1 - pixels / (x.shape[-2] * x.shape[-1]))


def _box(height: int, width: int, share: float, random: np.random.Generator) -> tuple[slice, slice]:
    """A box of about this share of the picture, in its proportions, somewhere inside."""
    sides = (round(height * share**0.5), round(width * share**0.5))
    starts = (
        int(random.integers(0, n - m + 1)) for n, m in zip((height, width), sides, strict=True)
    )
    rows, columns = (slice(a, a + m) for a, m in zip(starts, sides, strict=True))
    return rows, columns
