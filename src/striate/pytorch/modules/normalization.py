"""Normalization and dropout."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, by_rank, unless
from striate.pytorch.recipe import ModuleRecipe


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels at each place of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Scale(nn.Module):
    """The input times a learned weight, spread over it."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Shift(nn.Module):
    """The input plus a learned weight, spread over it."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


def _batch_norm(bn: ops.BatchNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    kind = (
        by_rank(x, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) if x.spatial else nn.BatchNorm1d
    )
    given = {"eps": bn.epsilon, "momentum": bn.momentum}
    return ModuleRecipe(kind, (x.channels,), unless({"eps": 1e-5, "momentum": 0.1}, given))


def _local_response_norm(lrn: ops.LocalResponseNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    given = {"alpha": lrn.alpha, "beta": lrn.beta, "k": lrn.k}
    usual = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
    return ModuleRecipe(nn.LocalResponseNorm, (lrn.size,), unless(usual, given))


def _layer_norm(norm: ops.LayerNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    settings = unless({"eps": 1e-5}, {"eps": norm.epsilon})
    if norm.over == "channels" and x.rank > 1:
        return ModuleRecipe(ChannelNorm, (x.channels,), settings)
    return ModuleRecipe(nn.LayerNorm, (x.shape[0] if x.rank == 1 else x.shape,), settings)


def _group_norm(norm: ops.GroupNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    settings = unless({"eps": 1e-5}, {"eps": norm.epsilon})
    return ModuleRecipe(nn.GroupNorm, (norm.groups, inputs[0].channels), settings)


def _dropout(dropout: ops.Dropout, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(nn.Dropout, (dropout.rate,))


ROWS: Mapping[type[Operator], Maker] = {
    ops.BatchNorm: _batch_norm,
    ops.LocalResponseNorm: _local_response_norm,
    ops.LayerNorm: _layer_norm,
    ops.GroupNorm: _group_norm,
    ops.Dropout: _dropout,
    ops.Scale: lambda scale, inputs: ModuleRecipe(Scale, scale.spread(inputs[0])),
    ops.Shift: lambda shift, inputs: ModuleRecipe(Shift, shift.spread(inputs[0])),
}
