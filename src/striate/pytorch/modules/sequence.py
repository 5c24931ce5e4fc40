"""Sequences of tokens, and places in a sequence."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from striate import ops
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker
from striate.pytorch.recipe import ModuleRecipe


class Embedding(nn.Embedding):
    """A row for each token; the features lie along the first axis behind the batch.

    Tokens may come as whole numbers of any type, floats too.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.long()).movedim(-1, 1)


class PositionalEncoding(nn.Module):
    """Sines and cosines of the step added, a wavelength for each two features."""

    waves: Tensor

    def __init__(self, features: int, steps: int, base: float = 10000.0) -> None:
        super().__init__()
        places = torch.arange(features, dtype=torch.float64)[:, None]
        paces = base ** -(places.div(2, rounding_mode="floor") * 2 / features)
        angles = paces * torch.arange(steps, dtype=torch.float64)
        self.exact = torch.where(places % 2 == 0, angles.sin(), angles.cos())
        self.register_buffer("waves", self.exact.float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype == torch.float64:  # a buffer that was rounded stays rounded
            return x + self.exact.to(x.device)
        return x + self.waves


def _positions(positions: ops.PositionalEncoding, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    base = {} if positions.base == 10000 else {"base": positions.base}
    return ModuleRecipe(PositionalEncoding, inputs[0].shape, base)


ROWS: Mapping[type[Operator], Maker] = {
    ops.Embedding: lambda embedding, inputs: ModuleRecipe(
        Embedding, (embedding.num_embeddings, embedding.embedding_dim)
    ),
    ops.PositionalEncoding: _positions,
}
