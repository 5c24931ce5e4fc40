"""Convolution, by a full kernel or by a connection table, and dense layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.graph import Operator, Spec, Window
from striate.ops.convolution.wiring import TABLES
from striate.pytorch.modules.making import Maker, by_rank, short, sides, unless, window_settings
from striate.pytorch.recipe import ModuleRecipe


class PaddedConv1d(nn.Conv1d):
    """A convolution whose zero padding differs between the two ends.

    `sides` are before and after, as `torch.nn.functional.pad` counts them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        sides: tuple[int, ...],
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides))


class PaddedConv2d(nn.Conv2d):
    """A convolution whose zero padding differs between opposite sides.

    `sides` are left, right, top and bottom, as `torch.nn.functional.pad` counts them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        sides: tuple[int, ...],
        stride: int | tuple[int, int] = 1,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides))


class TableConv(nn.Module):
    """A convolution that connects only some pairs of channels, one kernel a pair.

    Args:
        table: a row an output channel, a column an input channel, 1 where they are connected.
        kernel_size, stride, dilation: one number per axis, over one or two axes.
        sides: zeros around the input, as `torch.nn.functional.pad` counts them.
        bias: whether each output channel has one.
    """

    outputs: Tensor
    channels: Tensor
    bias: nn.Parameter | None

    def __init__(
        self,
        table: tuple[tuple[int, ...], ...],
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        sides: tuple[int, ...],
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.dilation, self.sides = stride, dilation, sides
        outputs, channels = torch.tensor(table).nonzero(as_tuple=True)
        self.register_buffer("outputs", outputs, persistent=False)
        self.register_buffer("channels", channels, persistent=False)
        self.size = (len(table), len(table[0]))
        bound = (len(table) / len(outputs) / torch.tensor(kernel_size).prod().item()) ** 0.5
        self.weight = nn.Parameter(torch.empty(len(outputs), *kernel_size).uniform_(-bound, bound))
        start = torch.empty(len(table)).uniform_(-bound, bound) if bias else None
        self.register_parameter("bias", None if start is None else nn.Parameter(start))

    def forward(self, x: Tensor) -> Tensor:
        nothing = self.weight.new_zeros(*self.size, *self.weight.shape[1:])
        weight = nothing.index_put((self.outputs, self.channels), self.weight)
        x = F.pad(x, self.sides)
        if x.dim() == 3:
            return F.conv1d(x, weight, self.bias, self.stride, 0, self.dilation)
        return F.conv2d(x, weight, self.bias, self.stride, 0, self.dilation)


class LinearAlong(nn.Linear):
    """A dense layer along an axis that is not the last, at every place of the others."""

    def __init__(self, in_features: int, out_features: int, dim: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(self.dim, -1)).movedim(-1, self.dim)


def _conv(conv: ops.Conv, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    axes = conv.field(x)
    if conv.table is not None:
        return _table_conv(conv, x, axes)
    settings = unless({"stride": 1, "dilation": 1}, window_settings(axes))
    settings |= unless({"groups": 1, "bias": True}, {"groups": conv.groups, "bias": conv.bias})
    arguments = (x.channels, conv.out_channels, short(w.kernel for w in axes))
    if all(w.before == w.after for w in axes):
        settings |= unless({"padding": 0}, {"padding": short(w.before for w in axes)})
        return ModuleRecipe(by_rank(x, nn.Conv1d, nn.Conv2d, nn.Conv3d), arguments, settings)
    settings["sides"] = sides([(w.before, w.after) for w in axes])
    return ModuleRecipe(by_rank(x, PaddedConv1d, PaddedConv2d), arguments, settings)


def _table_conv(conv: ops.Conv, x: Spec, axes: tuple[Window, ...]) -> ModuleRecipe:
    table = TABLES[conv.table] if isinstance(conv.table, str) else conv.table
    taps = tuple(tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride", "dilation"))
    ends = sides([(w.before, w.after) for w in axes])
    kind = by_rank(x, TableConv, TableConv)
    return ModuleRecipe(kind, (table, *taps, ends), unless({"bias": True}, {"bias": conv.bias}))


def _dense(dense: ops.Dense, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,), settings = inputs, unless({"bias": True}, {"bias": dense.bias})
    at = dense.along(x)
    if at == x.rank - 1:
        return ModuleRecipe(nn.Linear, (x.shape[at], dense.out_features), settings)
    return ModuleRecipe(LinearAlong, (x.shape[at], dense.out_features, at + 1), settings)


ROWS: Mapping[type[Operator], Maker] = {
    ops.Conv: _conv,
    ops.Dense: _dense,
}
