"""One training step: forward, loss, backward, update."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn, optim

from striate.engine import LossGradients
from striate.graph import Graph
from striate.training.evaluate import guesses
from striate.training.recipe import Recipe
from striate.training.schedules import rate

Update: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def replays(device: torch.device) -> bool:
    """Whether a step on this device is one CUDA graph, computed in bfloat16.

    `STRIATE_GPU=graph` asks for it. It is off otherwise: it has not been run on a GPU yet.
    """
    return device.type == "cuda" and os.environ.get("STRIATE_GPU") == "graph"


class Step:
    """Trains on one batch after another.

    Args:
        normalize: from pictures as bytes to what the module takes.
        batches: steps an epoch, for the schedule of the learning rate.
        graphed: whether products are bfloat16 and the step is replayed as one CUDA graph. The
            optimizer is then a capturable one, its learning rate a tensor.
    """

    def __init__(
        self,
        graph: Graph,
        module: nn.Module,
        optimizer: optim.Optimizer,
        recipe: Recipe,
        normalize: Callable[[Tensor], Tensor],
        batches: int,
        *,
        graphed: bool = False,
    ) -> None:
        self.graph, self.module, self.optimizer = graph, module, optimizer
        self.recipe, self.normalize, self.batches = recipe, normalize, batches
        self.gradients = LossGradients(graph, module, torch.bfloat16 if graphed else None)
        self.has_noise = any(node.operator.is_random for node in graph)
        self._run: Update = Replayed(self._update) if graphed else self._update

    def __call__(self, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Step number `step` of the run, from 0: the loss and the right answers, not waited for."""
        value = rate(self.recipe, step, self.batches)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value
        if self.has_noise:
            torch.manual_seed(self.recipe.seed * 1_000_003 + step)
        return self._run(self.normalize(x), y)

    def _update(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        scores, loss = self.gradients(x, y)
        self.optimizer.step()
        return loss, (guesses(self.graph, scores) == y).sum()


Capture: TypeAlias = Callable[[Callable[[], None]], Callable[[], None]]


def captured(work: Callable[[], None]) -> Callable[[], None]:
    """What repeats the work of the GPU that `work` asks for, without asking again."""
    recorded = torch.cuda.CUDAGraph()
    with torch.cuda.graph(recorded):
        work()
    return recorded.replay


class Replayed:
    """An update that is asked for a few times, then recorded, and from then on only replayed.

    A batch of another size is asked for as before. Source: PyTorch's notes on CUDA semantics,
    "whole-network capture".

    Args:
        capture: records work and returns what replays it.
    """

    WARM_UP = 3

    def __init__(self, update: Update, capture: Capture = captured) -> None:
        self._update, self._capture = update, capture
        self._replay: Callable[[], None] | None = None
        self._asked = 0

    def __call__(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Update with this batch."""
        if self._asked < self.WARM_UP:
            self._asked += 1
            return self._aside(x, y)
        if self._replay is None:
            self._x, self._y = x.clone(), y.clone()
            self._replay = self._capture(self._record)
        if x.shape != self._x.shape:
            return self._update(x, y)
        self._x.copy_(x)
        self._y.copy_(y)
        self._replay()
        return self._loss.clone(), self._right.clone()

    def _record(self) -> None:
        self._loss, self._right = self._update(self._x, self._y)

    def _aside(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Beside the main stream, as what is recorded later must have been asked for before."""
        if x.device.type != "cuda":
            return self._update(x, y)
        beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            found = self._update(x, y)
        torch.cuda.current_stream().wait_stream(beside)
        return found
