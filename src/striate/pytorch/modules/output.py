"""Output units."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator, Spec
from striate.ops.output.bitmaps import DIGITS
from striate.pytorch.modules.making import Maker
from striate.pytorch.recipe import ModuleRecipe


class RBF(nn.Module):
    """The squared distance from each of several bitmaps, drawn with # for +1 and . for -1."""

    codes: Tensor

    def __init__(self, bitmaps: tuple[str, ...]) -> None:
        super().__init__()
        codes = [[1.0 if cell == "#" else -1.0 for cell in bitmap] for bitmap in bitmaps]
        self.register_buffer("codes", torch.tensor(codes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x[:, None] - self.codes).square().sum(dim=2)


def _rbf(rbf: ops.RBF, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    return ModuleRecipe(RBF, (tuple("".join(d.split()) for d in DIGITS[: rbf.units]),))


ROWS: Mapping[type[Operator], Maker] = {
    ops.RBF: _rbf,
}
