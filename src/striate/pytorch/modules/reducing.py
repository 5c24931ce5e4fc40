"""One number in place of all those along some dimensions."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from striate import ops
from striate.graph import Operator, Spec
from striate.ops.reducing.reduction import Reduction
from striate.pytorch.modules.making import Maker
from striate.pytorch.recipe import ModuleRecipe


class Mean(nn.Module):
    """The average along some dimensions."""

    def __init__(self, dim: tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dim, self.keepdim)


class Sum(nn.Module):
    """The sum along some dimensions."""

    def __init__(self, dim: tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(self.dim, self.keepdim)


class Max(nn.Module):
    """The largest number along some dimensions; the first of equals has the gradient.

    One dimension after the other, the last first: `amax` would divide the gradient among equals.
    """

    def __init__(self, dim: tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x: Tensor) -> Tensor:
        for dim in reversed(self.dim):
            x = x.max(dim, self.keepdim).values
        return x


class Min(nn.Module):
    """The smallest number along some dimensions; the first of equals has the gradient.

    One dimension after the other, the last first: `amin` would divide the gradient among equals.
    """

    def __init__(self, dim: tuple[int, ...], keepdim: bool = False) -> None:
        super().__init__()
        self.dim, self.keepdim = dim, keepdim

    def forward(self, x: Tensor) -> Tensor:
        for dim in reversed(self.dim):
            x = x.min(dim, self.keepdim).values
        return x


def _reducing(kind: type[nn.Module]) -> Maker:
    """A module that is given the dimensions, the batch being 0."""

    def make(reduction: Reduction, inputs: tuple[Spec, ...]) -> ModuleRecipe:
        dim = tuple(k + 1 for k in reduction.axes(inputs[0]))
        return ModuleRecipe(kind, (dim,), {"keepdim": True} if reduction.keep else {})

    return make


ROWS: Mapping[type[Operator], Maker] = {
    ops.Mean: _reducing(Mean),
    ops.Sum: _reducing(Sum),
    ops.Max: _reducing(Max),
    ops.Min: _reducing(Min),
}
