"""Several branches to one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator
from striate.pytorch.modules.making import Maker, plain


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


ROWS: Mapping[type[Operator], Maker] = {
    ops.Add: plain(Add),
    ops.Concat: plain(Concat),
    ops.Multiply: plain(Multiply),
    ops.Divide: plain(Divide),
}
