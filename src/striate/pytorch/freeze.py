"""A trained network prepared for prediction alone: folded, fused, without gradients."""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor, nn

from striate.errors import SettingError
from striate.graph import Graph
from striate.pytorch.fold import folded
from striate.pytorch.lower import lower
from striate.pytorch.weights import Weights


class Frozen(nn.Module):
    """A network that only predicts: what `freeze` makes.

    Called with a batch of pictures (N, C, H, W), one argument for each input of the graph, it
    returns the scores, as an ordinary tensor without gradients, whatever the context. Its
    `state_dict` holds the folded weights.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.requires_grad_(False)
        super().train(False)

    def train(self, mode: bool = True) -> Frozen:
        """Stay in evaluation mode.

        Raises:
            SettingError: training is asked for.
        """
        if mode:
            _refuse()
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Frozen:
        """Stay without gradients.

        Raises:
            SettingError: gradients are asked for.
        """
        if requires_grad:
            _refuse()
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """The scores of a batch."""
        with torch.no_grad():
            scores: Tensor = self.network(*inputs)
        return scores


def freeze(graph: Graph, weights: Weights, *, fused: bool = True) -> Frozen:
    """The fastest module that predicts what the network predicts, to float32 rounding.

    Batch normalizations are folded into the layers before them (see `striate.pytorch.fold`), what
    only training needs is gone, and kernels stand for chains of operators where they win.

    Args:
        graph: any network; side exits and a loss are left out.
        weights: node -> name -> array. They are copied.
        fused: whether compiled kernels may be used. Building them takes seconds, once a machine:
            `pays` says when it is worth it.

    Raises:
        GraphError: a node has no PyTorch counterpart.
        WeightsError: the weights do not fit.
    """
    return Frozen(lower(*folded(graph, weights), fused=fused))


def _refuse() -> NoReturn:
    raise SettingError(
        "a frozen network only predicts; it cannot be trained",
        remedy="Train what `lower(graph, weights)` or `model.module()` makes, and freeze it after.",
    )
