"""Pooling that PyTorch has no class for: lengths, chance, histograms, learned coefficients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, by_rank, short, sides, strides, unless
from striate.pytorch.recipe import ModuleRecipe


class L2Pool(nn.Module):
    """The Euclidean norm of each window, or the norm of another power.

    `torch.nn.LPPool2d` has no padding, and takes the powers with their signs.

    Args:
        kernel_size, stride, dilation: one number per axis.
        sides: zeros around the input, as `torch.nn.functional.pad` counts them.
        power: of the norm.
    """

    def __init__(
        self,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        sides: tuple[int, ...],
        dilation: tuple[int, ...],
        power: float = 2.0,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        self.sides, self.power = sides, power

    def forward(self, x: Tensor) -> Tensor:
        cells = F.pad(x, self.sides).abs() ** self.power
        axes = zip(self.kernel_size, self.stride, self.dilation, strict=True)
        for axis, (size, step, gap) in enumerate(axes):
            cells = cells.unfold(2 + axis, gap * (size - 1) + 1, step)[..., ::gap]
        total = cells.sum(dim=list(range(-len(self.kernel_size), 0)))
        something = total > 0
        norm: Tensor = torch.where(something, total, 1.0) ** (1 / self.power)
        return norm * something


class StochasticPool(nn.Module):
    """While training one cell of each window, drawn by its strength; else the mean of the draw.

    Args:
        kernel_size, stride: one number per axis.
    """

    def __init__(self, kernel_size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        cells = self.cells(x)
        total = cells.sum(dim=-1)
        if self.training:
            return self.drawn(cells, torch.rand_like(total))
        return cells.square().sum(dim=-1) / torch.where(total > 0, total, 1.0)

    def cells(self, x: Tensor) -> Tensor:
        """The positive parts of every window, on a last axis of their own."""
        cells = F.relu(x)
        for axis, (size, step) in enumerate(zip(self.kernel_size, self.stride, strict=True)):
            cells = cells.unfold(2 + axis, size, step)
        return cells.flatten(-len(self.kernel_size))

    def drawn(self, cells: Tensor, share: Tensor) -> Tensor:
        """The cell of each window in whose part of the total `share` (from 0 to 1) falls."""
        strength = cells.detach()
        passed = strength.cumsum(dim=-1) <= (share * strength.sum(dim=-1)).unsqueeze(-1)
        drawn = passed.sum(dim=-1, keepdim=True).clamp(max=cells.shape[-1] - 1)
        return cells.gather(-1, drawn).squeeze(-1)


class HistogramPool1d(nn.AvgPool1d):
    """The share of a window's numbers near each of several values; bins become channels."""

    def __init__(
        self, kernel_size: int, stride: int | None = None, *, bins: int, low: float, high: float
    ) -> None:
        super().__init__(kernel_size, stride or kernel_size)
        self.bins, self.low, self.high = bins, low, high

    def forward(self, x: Tensor) -> Tensor:
        width = (self.high - self.low) / (self.bins - 1)
        centers = self.low + width * torch.arange(self.bins, dtype=x.dtype, device=x.device)
        inside = x.clamp(self.low, self.high)[:, :, None]
        shares = F.relu(1 - (inside - centers.view(-1, 1)).abs() / width)
        return super().forward(shares.flatten(1, 2))


class HistogramPool2d(nn.AvgPool2d):
    """The share of a window's numbers near each of several values; bins become channels."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        *,
        bins: int,
        low: float,
        high: float,
    ) -> None:
        super().__init__(kernel_size, stride)
        self.bins, self.low, self.high = bins, low, high

    def forward(self, x: Tensor) -> Tensor:
        width = (self.high - self.low) / (self.bins - 1)
        centers = self.low + width * torch.arange(self.bins, dtype=x.dtype, device=x.device)
        inside = x.clamp(self.low, self.high)[:, :, None]
        shares = F.relu(1 - (inside - centers.view(-1, 1, 1)).abs() / width)
        return super().forward(shares.flatten(1, 2))


class Subsample(nn.Module):
    """The sum (or mean) of each window, times a coefficient, plus a bias, one of each a channel."""

    def __init__(
        self, channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...], mean: bool
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        cells = int(torch.tensor(kernel_size).prod().item())
        self.factor = 1 if mean else cells
        self.weight = nn.Parameter(torch.full((channels,), 1 / self.factor))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        pool = F.avg_pool1d if x.dim() == 3 else F.avg_pool2d
        pooled = pool(x, self.kernel_size, self.stride)
        each = (1, -1) + (1,) * (x.dim() - 2)
        return pooled * (self.factor * self.weight).view(each) + self.bias.view(each)


def _l2_pool(pool: ops.L2Pool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    axes = pool.field(x)
    kernel, stride, dilation = (
        tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride", "dilation")
    )
    overhangs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    settings = unless({"power": 2.0}, {"power": pool.p})
    arguments = (kernel, stride, sides(overhangs), dilation)
    return ModuleRecipe(by_rank(x, L2Pool, L2Pool), arguments, settings)


def _stochastic_pool(pool: ops.StochasticPool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    axes = pool.field(*inputs)
    taps = (tuple(w.kernel for w in axes), tuple(w.stride for w in axes))
    return ModuleRecipe(StochasticPool, taps)


def _histogram_pool(pool: ops.HistogramPool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    axes = pool.field(*inputs)
    settings = unless({"stride": short(w.kernel for w in axes)}, strides(axes))
    settings |= {"bins": pool.bins, "low": pool.low, "high": pool.high}
    kinds = HistogramPool1d, HistogramPool2d
    return ModuleRecipe(by_rank(inputs[0], *kinds), (short(w.kernel for w in axes),), settings)


def _subsample(pool: ops.Subsample, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    axes = pool.field(*inputs)
    taps = tuple(tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride"))
    kind = by_rank(inputs[0], Subsample, Subsample)
    return ModuleRecipe(kind, (inputs[0].channels, *taps, pool.mean))


ROWS: Mapping[type[Operator], Maker] = {
    ops.L2Pool: _l2_pool,
    ops.StochasticPool: _stochastic_pool,
    ops.HistogramPool: _histogram_pool,
    ops.Subsample: _subsample,
}
