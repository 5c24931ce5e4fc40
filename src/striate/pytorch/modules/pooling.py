"""Pooling by the largest number or the mean: of windows, of shares of a map, of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.graph import Operator, Spec
from striate.ops.pooling.settings import is_even
from striate.pytorch.modules.making import Maker, by_rank, short, sides, unless, window_settings
from striate.pytorch.recipe import ModuleRecipe


class PaddedMaxPool1d(nn.MaxPool1d):
    """Max-pooling whose padding differs between the two ends or is wider than half the window."""

    def __init__(
        self,
        kernel_size: int,
        sides: tuple[int, ...],
        stride: int | None = None,
        dilation: int = 1,
    ) -> None:
        super().__init__(kernel_size, stride=stride, dilation=dilation)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides, value=float("-inf")))


class PaddedMaxPool2d(nn.MaxPool2d):
    """Max-pooling whose padding differs between opposite sides or is wider than half the window."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        sides: tuple[int, ...],
        stride: int | tuple[int, int] | None = None,
        dilation: int | tuple[int, int] = 1,
    ) -> None:
        super().__init__(kernel_size, stride=stride, dilation=dilation)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides, value=float("-inf")))


class SharedAvgPool1d(nn.AvgPool1d):
    """Average pooling with any padding, each window divided by its own number of cells."""

    cells: Tensor

    def __init__(
        self, kernel_size: int, sides: tuple[int, ...], cells: list[int], stride: int | None = None
    ) -> None:
        super().__init__(kernel_size, kernel_size if stride is None else stride)
        self.sides = sides
        self.taps = kernel_size
        self.register_buffer("cells", torch.tensor(cells).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides)) * self.taps / self.cells


class SharedAvgPool2d(nn.AvgPool2d):
    """Average pooling with any padding, each window divided by its own number of cells."""

    cells: Tensor

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        sides: tuple[int, ...],
        cells: list[list[int]],
        stride: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, divisor_override=1)
        self.sides = sides
        self.register_buffer("cells", torch.tensor(cells).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides)) / self.cells


class DilatedAvgPool(nn.Module):
    """The sum over windows with gaps, each divided by its own number.

    Args:
        kernel_size, stride, dilation: one number per axis.
        sides: zeros around the input, as `torch.nn.functional.pad` counts them.
        cells: what the sums are divided by, by output position.
    """

    cells: Tensor

    def __init__(
        self,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        sides: tuple[int, ...],
        cells: list[int] | list[list[int]],
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        self.sides = sides
        self.register_buffer("cells", torch.tensor(cells).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self.sides)
        axes = zip(self.kernel_size, self.stride, self.dilation, strict=True)
        for axis, (size, step, gap) in enumerate(axes):
            x = x.unfold(2 + axis, gap * (size - 1) + 1, step)[..., ::gap]
        return x.sum(dim=list(range(-len(self.kernel_size), 0))) / self.cells


def _max_pool(pool: ops.MaxPool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    axes = pool.field(x)
    kernel = short(w.kernel for w in axes)
    settings = unless({"stride": kernel, "dilation": 1}, window_settings(axes))
    if is_even(axes):
        settings |= unless({"padding": 0}, {"padding": short(w.before for w in axes)})
        settings |= unless({"ceil_mode": False}, {"ceil_mode": pool.ceil})
        return ModuleRecipe(
            by_rank(x, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), (kernel,), settings
        )
    # The overhang of a last, partly empty window is padded too, in place of ceil_mode: PyTorch
    # decides by a padded size whether that window exists, we by the size without.
    overhangs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    settings["sides"] = sides(overhangs)
    return ModuleRecipe(by_rank(x, PaddedMaxPool1d, PaddedMaxPool2d), (kernel,), settings)


def _average_pool(pool: ops.AveragePool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    axes = pool.field(x)
    kernel = short(w.kernel for w in axes)
    overhangs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    if any(w.dilation > 1 for w in axes):
        lists = [tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride", "dilation")]
        kind = by_rank(x, DilatedAvgPool, DilatedAvgPool)
        return ModuleRecipe(kind, (*lists, sides(overhangs), _cells(pool, x)))
    settings = unless({"stride": kernel}, {"stride": short(w.stride for w in axes)})
    by_length = pool.divisor is not None and len(axes) == 1  # nn.AvgPool1d takes no divisor
    if not by_length and is_even(axes):
        settings |= unless({"padding": 0}, {"padding": short(w.before for w in axes)})
        settings |= unless({"ceil_mode": False}, {"ceil_mode": pool.ceil})
        settings |= unless({"divisor_override": None}, {"divisor_override": pool.divisor})
        if settings.keys() & {"padding", "ceil_mode"} and not pool.include_padding:
            settings["count_include_pad"] = False
        return ModuleRecipe(
            by_rank(x, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), (kernel,), settings
        )
    settings |= {"sides": sides(overhangs), "cells": _cells(pool, x)}
    return ModuleRecipe(by_rank(x, SharedAvgPool1d, SharedAvgPool2d), (kernel,), settings)


def _cells(pool: ops.AveragePool, x: Spec) -> list[Any]:
    """What the sum of each window is divided by, by output position."""
    by_axis = []
    for window, size in zip(pool.field(x), x.spatial, strict=True):
        include = pool.include_padding
        inside = range(-window.before, size + window.after) if include else range(size)
        taps = range(0, window.extent, window.dilation)
        starts = [window.start(o) for o in range(window.outputs(size))]
        by_axis.append([sum(s + tap in inside for tap in taps) for s in starts])
    if len(by_axis) == 1:
        return [pool.divisor or cells for cells in by_axis[0]]
    return [[pool.divisor or row * column for column in by_axis[1]] for row in by_axis[0]]


def _global_average_pool(pool: ops.GlobalAveragePool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(
        by_rank(inputs[0], nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), (1,)
    )


def _adaptive_average_pool(pool: ops.AdaptiveAveragePool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    kind = by_rank(inputs[0], nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
    return ModuleRecipe(kind, (pool.size,))


def _adaptive_max_pool(pool: ops.AdaptiveMaxPool, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    kind = by_rank(inputs[0], nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
    return ModuleRecipe(kind, (pool.size,))


ROWS: Mapping[type[Operator], Maker] = {
    ops.MaxPool: _max_pool,
    ops.AveragePool: _average_pool,
    ops.GlobalAveragePool: _global_average_pool,
    ops.AdaptiveAveragePool: _adaptive_average_pool,
    ops.AdaptiveMaxPool: _adaptive_max_pool,
}
