"""Several branches to one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, dim, plain
from striate.pytorch.recipe import ModuleRecipe


class Add(nn.Module):
    """The sum of branches."""

    def forward(self, first: Tensor, *more: Tensor) -> Tensor:
        for each in more:
            first = first + each
        return first


class Multiply(nn.Module):
    """The product of branches."""

    def forward(self, first: Tensor, *more: Tensor) -> Tensor:
        for each in more:
            first = first * each
        return first


class Divide(nn.Module):
    """The first branch divided by the second."""

    def forward(self, above: Tensor, below: Tensor) -> Tensor:
        return above / below


class Concat(nn.Module):
    """Branches behind each other, channel-wise."""

    def forward(self, *branches: Tensor) -> Tensor:
        return torch.cat(branches, dim=1)


class Stack(nn.Module):
    """The inputs side by side on a new first axis."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.stack(inputs, dim=1)


class ConcatAlong(nn.Module):
    """The inputs laid end to end along one axis."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=self.dim)


class Subtract(nn.Module):
    """The second input taken from the first."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left - right


class MatMul(nn.Module):
    """The matrix product of two inputs."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left @ right


def _concat(concat: ops.Concat, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    at = dim(concat, inputs)
    return ModuleRecipe(ConcatAlong, (at,)) if at > 1 else ModuleRecipe(Concat)


ROWS: Mapping[type[Operator], Maker] = {
    ops.Add: plain(Add),
    ops.Concat: _concat,
    ops.Multiply: plain(Multiply),
    ops.Divide: plain(Divide),
    ops.Subtract: plain(Subtract),
    ops.MatMul: plain(MatMul),
    ops.Stack: plain(Stack),
}
