"""The judges of pooling: PyTorch's functions over sides that are padded by rules written again."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from striate.graph import Padding


def sides(padding: Padding, kernel: list[int], dilation: list[int]) -> list[tuple[int, int]]:
    """(before, after) an axis, from the words of the notation."""
    reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    if padding == "valid":
        return [(0, 0) for _ in reach]
    if padding == "full":
        return [(n, n) for n in reach]
    if padding == "same":
        return [(n // 2, n - n // 2) for n in reach]
    each = padding if isinstance(padding, tuple) else (padding,) * len(reach)
    return [side if isinstance(side, tuple) else (int(side), int(side)) for side in each]


def axes(value: Any, rank: int) -> list[int]:
    return list(value) if isinstance(value, tuple) else [value] * rank


def pad(x: Tensor, sides: list[tuple[int, int]], value: float = 0.0) -> Tensor:
    return F.pad(x, [n for side in reversed(sides) for n in side], value=value)


def subsample(twin: Any) -> Tensor:
    pool, rank = twin.operator, twin.x.ndim - 2
    kernel, stride = axes(pool.kernel, rank), axes(pool.stride or pool.kernel, rank)
    slide: Any = F.avg_pool1d if rank == 1 else F.avg_pool2d
    pooled = slide(twin.x, kernel, stride) * (1 if pool.mean else prod(kernel))
    each = (1, -1, *[1] * rank)
    return pooled * twin.weights["weight"].view(each) + twin.weights["bias"].view(each)


def l2_pool(twin: Any) -> Tensor:
    """The root has no slope at zero, so that it is taken where something is."""
    total = window_sums(twin, laid_out(twin, twin.x.abs() ** twin.operator.p))
    return torch.where(total > 0, torch.where(total > 0, total, 1) ** (1 / twin.operator.p), 0)


def stochastic_pool(twin: Any) -> Tensor:
    pool, x = twin.operator, F.relu(twin.x)
    rank = x.ndim - 2
    kernel, stride = axes(pool.kernel, rank), axes(pool.stride or pool.kernel, rank)
    for axis, (cells, step) in enumerate(zip(kernel, stride, strict=True)):
        x = x.unfold(2 + axis, cells, step)
    x = x.flatten(-rank)
    total = x.sum(-1, keepdim=True)
    if twin.noise is None:
        return (x * x / torch.where(total > 0, total, 1)).sum(-1)
    up_to = x.cumsum(-1) > twin.noise[..., None] * total
    drawn = up_to & (up_to.cumsum(-1) == 1)
    return (x * drawn).sum(-1)


def adaptive(twin: Any) -> Tensor:
    rank = twin.x.ndim - 2
    pool: Any = F.adaptive_avg_pool1d if rank == 1 else F.adaptive_avg_pool2d
    return pool(twin.x, axes(twin.operator.size, rank))


def adaptive_max(twin: Any) -> Tensor:
    rank = twin.x.ndim - 2
    pool: Any = F.adaptive_max_pool1d if rank == 1 else F.adaptive_max_pool2d
    return pool(twin.x, axes(twin.operator.size, rank))


def max_pool(twin: Any) -> Tensor:
    pool, rank = twin.operator, twin.x.ndim - 2
    kernel, dilation = axes(pool.kernel, rank), axes(pool.dilation, rank)
    stride = axes(pool.stride or pool.kernel, rank)
    slide: Any = F.max_pool1d if rank == 1 else F.max_pool2d
    around = sides(pool.padding, kernel, dilation)
    if pool.ceil:  # drawn with equal sides only
        return slide(twin.x, kernel, stride, [n for n, _ in around], dilation, ceil_mode=True)
    return slide(pad(twin.x, around, -torch.inf), kernel, stride, 0, dilation)


def average_pool(twin: Any) -> Tensor:
    """By PyTorch's own pooling, an axis of length 1 before a signal; where it has gaps, by sums."""
    pool, x = twin.operator, twin.x
    if pool.dilation != 1:
        cells = laid_out(twin, torch.ones_like(x), float(pool.include_padding))
        return window_sums(twin, laid_out(twin, x)) / (pool.divisor or window_sums(twin, cells))
    rank = x.ndim - 2
    kernel, stride = axes(pool.kernel, rank), axes(pool.stride or pool.kernel, rank)
    around = sides(pool.padding, kernel, [1] * rank)
    if rank == 1:
        x, kernel, stride, around = x.unsqueeze(2), [1, *kernel], [1, *stride], [(0, 0), *around]
    pads: Any = [n for n, _ in around] if pool.ceil else 0
    counts = pool.include_padding if pool.ceil else True
    padded = x if pool.ceil else pad(x, around)
    mean = F.avg_pool2d(padded, kernel, stride, pads, pool.ceil, counts, pool.divisor)
    if not (pool.ceil or pool.include_padding):
        mean = mean / F.avg_pool2d(pad(torch.ones_like(x), around), kernel, stride)
    return mean.squeeze(2) if rank == 1 else mean


def laid_out(twin: Any, values: Tensor, fill: float = 0.0) -> Tensor:
    """`values` with `fill` around them, then zeros as far as PyTorch's max-pooling would reach."""
    pool, rank = twin.operator, values.ndim - 2
    kernel, dilation = axes(pool.kernel, rank), axes(pool.dilation, rank)
    stride = axes(pool.stride or pool.kernel, rank)
    around = sides(pool.padding, kernel, dilation)
    padded = pad(values, around, fill)
    if not pool.ceil:
        return padded
    slide: Any = F.max_pool1d if rank == 1 else F.max_pool2d
    pads = [n for n, _ in around]
    outputs = slide(values, kernel, stride, pads, dilation, ceil_mode=True).shape[2:]
    ends = [
        (o - 1) * s + d * (k - 1) + 1
        for o, s, d, k in zip(outputs, stride, dilation, kernel, strict=True)
    ]
    tails = [(0, max(0, end - n)) for end, n in zip(ends, padded.shape[2:], strict=True)]
    return pad(padded, tails)


def window_sums(twin: Any, values: Tensor) -> Tensor:
    """A convolution of each channel with ones."""
    pool, rank = twin.operator, values.ndim - 2
    kernel, dilation = axes(pool.kernel, rank), axes(pool.dilation, rank)
    stride = axes(pool.stride or pool.kernel, rank)
    slide: Any = F.conv1d if rank == 1 else F.conv2d
    ones = torch.ones(1, 1, *kernel, dtype=values.dtype)
    each = slide(values.flatten(0, 1).unsqueeze(1), ones, None, stride, 0, dilation)
    return each.unflatten(0, values.shape[:2]).squeeze(2)


def histogram_pool(twin: Any) -> Tensor:
    """One bin after the other."""
    pool, rank = twin.operator, twin.x.ndim - 2
    kernel, stride = axes(pool.kernel, rank), axes(pool.stride or pool.kernel, rank)
    slide: Any = F.avg_pool1d if rank == 1 else F.avg_pool2d
    width = (pool.high - pool.low) / (pool.bins - 1)
    x = twin.x.clamp(pool.low, pool.high)
    found = []
    for b in range(pool.bins):
        away = (x - (pool.low + b * width)).abs() / width
        found.append(slide((1 - away).relu(), kernel, stride))
    return torch.stack(found, dim=2).flatten(1, 2)
