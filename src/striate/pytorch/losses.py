"""Losses over PyTorch tensors: one table, and the mean over a batch with its side exits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from striate.graph import Graph, Operator
from striate.ops import CrossEntropy

PictureLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(scores (N, classes), target (N,) or (N, classes)) -> one loss a picture (N,)."""


@dataclass(frozen=True)
class Loss:
    """The training loss of a network: the mean over the batch, side exits weighted.

    Called with what the network returned and the target: class numbers (N,), or one wanted value
    a score (N, classes). In training mode a network with side exits returns a tuple, in
    evaluation mode its scores alone; both are understood.

    Args:
        main: the loss of the scores.
        auxiliary: (weight, loss) of each side exit, in the graph's order.
    """

    main: PictureLoss
    auxiliary: tuple[tuple[float, PictureLoss], ...] = ()

    def __call__(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        target = target if target.is_floating_point() else target.long()
        if isinstance(outputs, Tensor):
            return self.main(outputs, target).mean()
        total = self.main(outputs[0], target).mean()
        for (weight, loss), side in zip(self.auxiliary, outputs[1:], strict=True):
            total = total + weight * loss(side, target).mean()
        return total


def loss_function(graph: Graph) -> Loss:
    """What the network of `graph` is trained with: its own loss, or the usual one.

    Without a loss of its own a graph that ends in SOFTMAX gets the log-loss, another one the
    cross-entropy of its scores. A side exit has the loss of the scores, as far as that suits
    it: see `loss_of_exit`.
    """
    sides = tuple((e.weight, picture_loss(loss_of_exit(graph, e.node))) for e in graph.auxiliary)
    return Loss(picture_loss(loss_of_exit(graph, graph.scores.name)), sides)


def loss_of_exit(graph: Graph, name: str) -> Operator:
    """The loss operator that the value of node `name` is compared with a target by."""
    main = graph.loss.operator if graph.loss else CrossEntropy()
    return main


def picture_loss(loss: Operator) -> PictureLoss:
    """A loss operator as a function of tensors."""
    return LOSSES[type(loss)](loss)


def _cross_entropy(loss: CrossEntropy) -> PictureLoss:
    return lambda scores, target: F.cross_entropy(
        scores, target, label_smoothing=loss.smoothing, reduction="none"
    )


LOSSES: Mapping[type[Operator], Callable[[Any], PictureLoss]] = {
    CrossEntropy: _cross_entropy,
}
"""Every loss operator."""
