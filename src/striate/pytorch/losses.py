"""Losses over PyTorch tensors: one table, and the mean over a batch with its side exits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from striate.graph import Graph, Operator
from striate.ops import (
    CrossEntropy,
    Hinge,
    LogLoss,
    MapLoss,
    SigmoidCrossEntropy,
    Softmax,
    SquaredError,
)
from striate.passes.attach_loss import with_loss

Reduction: TypeAlias = Literal["none", "mean"]

PictureLoss: TypeAlias = Callable[[Tensor, Tensor, Reduction], Tensor]
"""(scores (N, classes), target (N,) or (N, classes)) -> one loss a picture (N,), or their mean."""


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
            return self.main(outputs, target, "mean")
        total = self.main(outputs[0], target, "mean")
        for (weight, loss), side in zip(self.auxiliary, outputs[1:], strict=True):
            total = total + weight * loss(side, target, "mean")
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
    """The loss operator that the value of node `name` is compared with a target by.

    A side exit has the loss of the scores; only whether it starts from scores or from
    probabilities is decided by how the side exit itself ends.
    """
    ended = with_loss(graph)
    main = ended.nodes[-1].operator
    if name == ended.scores.name or not isinstance(main, CrossEntropy | LogLoss):
        return main
    if isinstance(graph[name].operator, Softmax):
        return LogLoss()
    return main if isinstance(main, CrossEntropy) else CrossEntropy()


def leaves_as_logarithms(graph: Graph, name: str) -> bool:
    """Whether node `name` is a softmax whose probabilities go nowhere but into the log-loss."""
    is_score = name == graph.scores.name
    if not is_score and name not in {each.node for each in graph.auxiliary}:
        return False
    if not isinstance(graph[name].operator, Softmax):
        return False
    if any(not graph[reader].operator.is_loss for reader in graph.consumers[name]):
        return False
    if graph.loss is None or isinstance(graph.loss.operator, LogLoss):
        return True
    return not is_score and isinstance(graph.loss.operator, CrossEntropy)


def picture_loss(loss: Operator) -> PictureLoss:
    """A loss operator as a function of tensors."""
    return LOSSES[type(loss)](loss)


def _cross_entropy(loss: CrossEntropy) -> PictureLoss:
    return lambda scores, target, reduction: F.cross_entropy(
        scores, target, label_smoothing=loss.smoothing, reduction=reduction
    )


def _log_loss(loss: LogLoss) -> PictureLoss:
    def of_batch(outputs: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        log_p = _log_probabilities(outputs)
        if target.is_floating_point():
            return _reduced(-(target * log_p).sum(dim=1), reduction)
        return F.nll_loss(log_p, target, reduction=reduction)

    return of_batch


def _log_probabilities(outputs: Tensor) -> Tensor:
    """Logarithms, of probabilities or of what already are logarithms of them.

    A network that ends in SOFTMAX answers with probabilities, and with their logarithms while it
    trains. Nobody can mistake the two: the largest probability of a row is above 0, the largest
    logarithm is not. So no loss is ever wrong because of a forgotten mode.
    """
    plain = outputs.amax(dim=1, keepdim=True) > 0
    smallest = torch.finfo(outputs.dtype).tiny
    return torch.where(plain, outputs.clamp_min(smallest).log(), outputs)


def _squared_error(loss: SquaredError) -> PictureLoss:
    def of_batch(outputs: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        if not target.is_floating_point():
            target = F.one_hot(target, outputs.shape[1]).to(outputs.dtype)
        return _reduced(0.5 * (outputs - target).square().sum(dim=1), reduction)

    return of_batch


def _map_loss(loss: MapLoss) -> PictureLoss:
    def of_batch(outputs: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        if not target.is_floating_point():
            target = F.one_hot(target, outputs.shape[1]).to(outputs.dtype)
        rubbish = outputs.new_full((len(outputs), 1), -loss.j)
        others = torch.cat([-outputs, rubbish], dim=1).logsumexp(dim=1)
        return _reduced((target * outputs).sum(dim=1) + others, reduction)

    return of_batch


def _hinge(loss: Hinge) -> PictureLoss:
    def of_batch(outputs: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        # PyTorch divides each picture's sum by the number of classes.
        classes = outputs.shape[1]
        each = F.multi_margin_loss(outputs, target, margin=loss.margin, reduction=reduction)
        return each * classes

    return of_batch


def _sigmoid_cross_entropy(loss: SigmoidCrossEntropy) -> PictureLoss:
    def of_batch(outputs: Tensor, target: Tensor, reduction: Reduction) -> Tensor:
        if not target.is_floating_point():
            target = F.one_hot(target, outputs.shape[1]).to(outputs.dtype)
        each = F.binary_cross_entropy_with_logits(outputs, target, reduction="none")
        return _reduced(each.sum(dim=1), reduction)

    return of_batch


def _reduced(by_picture: Tensor, reduction: Reduction) -> Tensor:
    return by_picture.mean() if reduction == "mean" else by_picture


LOSSES: Mapping[type[Operator], Callable[[Any], PictureLoss]] = {
    CrossEntropy: _cross_entropy,
    LogLoss: _log_loss,
    SquaredError: _squared_error,
    MapLoss: _map_loss,
    Hinge: _hinge,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
"""Every loss operator."""
