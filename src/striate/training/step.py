"""One training step: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn, optim

from striate.engine import LossGradients, optimizer
from striate.graph import Graph
from striate.pytorch.losses import loss_function, row_weights
from striate.training.evaluate import guesses
from striate.training.fit import has_batch_norm
from striate.training.mixing import Mixed, mixed
from striate.training.ranks import ALONE, Ranks
from striate.training.recipe import USUAL_MOMENTUM, Recipe
from striate.training.schedules import rate

NOISE = 2**64
"""PyTorch's generators take seeds below this."""


class TrainingStep:
    """Trains on one batch after another.

    Args:
        normalize: from pictures as bytes to what the module takes.
        batches: steps per epoch, for the schedule of the learning rate.
        ranks: the processes of the run, each with its rows of the batch.
    """

    def __init__(
        self,
        graph: Graph,
        module: nn.Module,
        optimizer: optim.Optimizer,
        recipe: Recipe,
        normalize: Callable[[Tensor], Tensor],
        batches: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.graph, self.optimizer = graph, optimizer
        self.recipe, self.normalize, self.batches = recipe, normalize, batches
        self.gradients = LossGradients(graph, module)
        self.has_noise = any(node.operator.is_random for node in graph)
        self._loss = loss_function(graph)
        self.ranks, self._module, self.is_asked = ranks, module, False
        self._least = 2 if has_batch_norm(graph) else 1
        self._learning = [each for each in module.parameters() if each.requires_grad]

    def __call__(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Step number `step` of the run, from 0: the loss and the right answers, not waited for."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.recipe, step, self.batches)
        if self.has_noise:
            own = step * self.ranks.size + self.ranks.rank
            torch.manual_seed((self.recipe.seed * 1_000_003 + own) % NOISE)
        loss, right = self._learned(x, y, step)
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self._learning, self.recipe.clip)
        self.optimizer.step()
        return loss, right

    def _learned(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Loss and right answers of the batch of all ranks, whose gradients are left."""
        if self.ranks.size == 1:
            scores, loss = self._gradients(self.normalize(x), y, step)
            return loss, (guesses(self.graph, scores) == y).sum()
        weight, loss, right = 0.0, torch.zeros(()), torch.zeros(())
        for each in self._learning:
            each.grad = None
        if len(y):
            scores, loss = self._gradients(self.normalize(x), y, step)
            weight, right = self._weight(y), (guesses(self.graph, scores) == y).sum()
        sums = (loss * weight, right, float(self.is_asked), weight)
        lost, right, asked, total = self.ranks.average(self._module, weight, sums)
        self.is_asked = bool(asked)
        return lost / total, right.round().long()

    def _gradients(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Scores and loss, of the batch as it is or mixed, at once or in parts."""
        recipe = self.recipe
        if not (recipe.mixup or recipe.cutmix or recipe.accumulate > 1):
            return self.gradients(x, y)
        batch = Mixed(x, y, y, 1.0)
        if recipe.mixup or recipe.cutmix:
            batch = mixed(x, y, recipe.mixup, recipe.cutmix, [recipe.seed, step])
        parts = max(1, min(recipe.accumulate, len(x) // self._least))
        return self.gradients.of_parts(batch.x, self._mean_of(batch), parts)

    def _mean_of(self, batch: Mixed) -> Callable[[Any, slice], Tensor]:
        """What some rows add to the mean loss of the batch."""
        sides = [(batch.y, batch.share), (batch.other, 1 - batch.share)]
        sides = [(y, share / self._weight(y)) for y, share in sides if share]

        def added(outputs: Any, rows: slice) -> Tensor:
            losses = (
                self._loss(outputs, y[rows]) * (share * self._weight(y[rows])) for y, share in sides
            )
            return torch.stack([*losses]).sum()

        return added

    def _weight(self, y: Tensor) -> float:
        """What the rows with these classes count together in a mean."""
        own = row_weights(self._loss.main.operator, y.float(), y)
        return float(len(y)) if own is None else float(own.sum())


def optimizer_of(module: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimizer of a recipe for the weights of a module."""
    own: dict[str, Any] = {"weight_decay": recipe.weight_decay}
    if recipe.optimizer in ("momentum", "nesterov"):
        own["momentum"] = USUAL_MOMENTUM if recipe.momentum is None else recipe.momentum
    return optimizer(recipe.optimizer, module, recipe.rate, **own)
