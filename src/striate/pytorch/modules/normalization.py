"""Normalization and dropout."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, by_rank, dim, unless
from striate.pytorch.recipe import ModuleRecipe


class LayerNormAlong(nn.LayerNorm):
    """Layer normalization over axes that are not the last ones."""

    def __init__(
        self,
        shape: tuple[int, ...],
        dims: tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__(shape, eps, elementwise_affine)
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        last = tuple(range(-len(self.dims), 0))
        return super().forward(x.movedim(self.dims, last)).movedim(last, self.dims)


class RMSNormAlong(nn.RMSNorm):
    """Normalization by the root mean square over axes that are not the last ones."""

    def __init__(
        self,
        shape: tuple[int, ...],
        dims: tuple[int, ...],
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        super().__init__(shape, eps, elementwise_affine)
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        last = tuple(range(-len(self.dims), 0))
        return super().forward(x.movedim(self.dims, last)).movedim(last, self.dims)


class L2Norm(nn.Module):
    """Vectors divided by their length."""

    def __init__(self, dim: int = 1, eps: float = 1e-12) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=self.dim, eps=self.eps)


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
    given = {"eps": bn.epsilon, "momentum": bn.momentum, "affine": bn.affine}
    usual = {"eps": 1e-5, "momentum": 0.1, "affine": True}
    return ModuleRecipe(kind, (x.channels,), unless(usual, given))


def _local_response_norm(lrn: ops.LocalResponseNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    given = {"alpha": lrn.alpha, "beta": lrn.beta, "k": lrn.k}
    usual = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
    return ModuleRecipe(nn.LocalResponseNorm, (lrn.size,), unless(usual, given))


def _over_axes(last: type[nn.Module], other: type[nn.Module], usual: float | None) -> Maker:
    """The maker of a normalization over axes, by the classes for the last ones and for others."""

    def made(norm: ops.LayerNorm | ops.RMSNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
        (x,), axes = inputs, norm.weighted(*inputs)
        given = {"eps": norm.epsilon, "elementwise_affine": norm.affine}
        settings = unless({"eps": usual, "elementwise_affine": True}, given)
        shape = tuple(x.shape[k] for k in axes)
        if axes == tuple(range(x.rank - len(axes), x.rank)):
            return ModuleRecipe(last, (shape if len(shape) > 1 else shape[0],), settings)
        return ModuleRecipe(other, (shape, tuple(k + 1 for k in axes)), settings)

    return made


def _group_norm(norm: ops.GroupNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    given = {"eps": norm.epsilon, "affine": norm.affine}
    settings = unless({"eps": 1e-5, "affine": True}, given)
    return ModuleRecipe(nn.GroupNorm, (norm.groups, inputs[0].channels), settings)


def _instance_norm(norm: ops.InstanceNorm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,), given = inputs, {"eps": norm.epsilon, "affine": norm.affine}
    kind = by_rank(x, nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)
    return ModuleRecipe(kind, (x.channels,), unless({"eps": 1e-5, "affine": False}, given))


def _l2_norm(norm: ops.L2Norm, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    given = {"dim": dim(norm, inputs), "eps": norm.epsilon}
    return ModuleRecipe(L2Norm, (), unless({"dim": 1, "eps": 1e-12}, given))


def _dropout(dropout: ops.Dropout, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(nn.Dropout, (dropout.rate,))


ROWS: Mapping[type[Operator], Maker] = {
    ops.BatchNorm: _batch_norm,
    ops.LocalResponseNorm: _local_response_norm,
    ops.LayerNorm: _over_axes(nn.LayerNorm, LayerNormAlong, 1e-5),
    ops.RMSNorm: _over_axes(nn.RMSNorm, RMSNormAlong, None),
    ops.GroupNorm: _group_norm,
    ops.InstanceNorm: _instance_norm,
    ops.L2Norm: _l2_norm,
    ops.Dropout: _dropout,
    ops.Scale: lambda scale, inputs: ModuleRecipe(Scale, scale.spread(inputs[0])),
    ops.Shift: lambda shift, inputs: ModuleRecipe(Shift, shift.spread(inputs[0])),
}
