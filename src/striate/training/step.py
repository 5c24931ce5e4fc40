"""One training step: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn, optim

from striate.engine import LossGradients
from striate.graph import Graph
from striate.training.evaluate import guesses
from striate.training.recipe import Recipe
from striate.training.schedules import rate

NOISE = 2**64
"""PyTorch's generators take seeds below this."""


class TrainingStep:
    """Trains on one batch after another.

    Args:
        normalize: from pictures as bytes to what the module takes.
        batches: steps per epoch, for the schedule of the learning rate.
    """

    def __init__(
        self,
        graph: Graph,
        module: nn.Module,
        optimizer: optim.Optimizer,
        recipe: Recipe,
        normalize: Callable[[Tensor], Tensor],
        batches: int,
    ) -> None:
        self.graph, self.optimizer = graph, optimizer
        self.recipe, self.normalize, self.batches = recipe, normalize, batches
        self.gradients = LossGradients(graph, module)
        self.has_noise = any(node.operator.is_random for node in graph)

    def __call__(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Step number `step` of the run, from 0: the loss and the right answers, not waited for."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.recipe, step, self.batches)
        if self.has_noise:
            torch.manual_seed((self.recipe.seed * 1_000_003 + step) % NOISE)
        scores, loss = self.gradients(self.normalize(x), y)
        self.optimizer.step()
        return loss, (guesses(self.graph, scores) == y).sum()
