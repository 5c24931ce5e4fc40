"""Losses over PyTorch tensors: one table, and the mean over a batch with its side exits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from striate.fused.private import functorch_tensor
from striate.graph import Graph, Operator
from striate.ops import (
    CTC,
    CrossEntropy,
    Hinge,
    LogLoss,
    MapLoss,
    SigmoidCrossEntropy,
    Softmax,
    SquaredError,
)
from striate.ops.loss.class_loss import ClassLoss
from striate.ops.loss.loss_operator import LossOperator, nothing_counts
from striate.ops.loss.row_loss import RowLoss
from striate.passes.attach_loss import loss_of

USUAL = CrossEntropy()

UNUSED = -100
"""What PyTorch ignores unless told otherwise; no target that was checked holds it."""

RowLosses: TypeAlias = Callable[[Any, Tensor, Tensor], Tensor]
"""(loss, scores (N, C, *positions), target that was checked) -> losses (N, *positions)."""


@dataclass(frozen=True)
class BatchLoss:
    """A loss operator as a function of tensors: (scores (N, C, *positions), target) -> mean.

    Args:
        operator: the loss.
        logarithms: whether the scores may be logarithms of probabilities: see
            `leaves_as_logarithms`.
    """

    operator: LossOperator
    logarithms: bool = False

    def __call__(self, scores: Tensor, target: Tensor) -> Tensor:
        """The mean over the batch, as PyTorch's reduction "mean" takes it.

        Raises:
            SettingError: the target does not fit the scores, or none of it counts.
        """
        target = checked(self.operator, scores, target)
        if self.operator == USUAL:  # in one kernel, which a small network's step feels
            return F.cross_entropy(scores, target)
        losses = self._losses(scores, target)
        weights = row_weights(self.operator, losses, target)
        if weights is None:
            return losses.mean()
        total = weights.sum()
        if not total:
            raise nothing_counts()
        return losses.sum() / total

    def by_picture(self, scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each picture (N,), and its weight (N,) in a mean over pictures.

        Raises:
            SettingError: the target does not fit the scores.
        """
        target = checked(self.operator, scores, target)
        losses = self._losses(scores, target)
        weights = row_weights(self.operator, losses, target)
        weights = torch.ones_like(losses) if weights is None else weights
        losses, weights = losses.reshape(len(scores), -1).sum(1), weights.reshape(len(scores), -1)
        each = weights.sum(1).detach()
        return torch.where(each > 0, losses / each.where(each > 0, 1), 0), each

    def _losses(self, scores: Tensor, target: Tensor) -> Tensor:
        if isinstance(self.operator, LogLoss):
            scores = _log_probabilities(scores, self.logarithms)
        return LOSSES[type(self.operator)](self.operator, scores, target)


@dataclass(frozen=True)
class Loss:
    """The training loss of a network: the mean over the batch, side exits weighted.

    Called with what the network returned and the target: class numbers (N,), one per position
    (N, H, W) where the scores are a map, or one wanted value per score. In training mode a network
    with side exits returns a tuple, in evaluation mode its scores alone; both are understood.

    Args:
        main: the loss of the scores.
        auxiliary: (weight, loss) of each side exit, in the graph's order.
    """

    main: BatchLoss
    auxiliary: tuple[tuple[float, BatchLoss], ...] = ()

    def __call__(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        if isinstance(outputs, Tensor):
            return self.main(outputs, target)
        total = self.main(outputs[0], target)
        for (weight, loss), side in zip(self.auxiliary, outputs[1:], strict=True):
            total = total + weight * loss(side, target)
        return total


def loss_function(graph: Graph) -> Loss:
    """What the network of `graph` is trained with: its own loss, or the usual one.

    Without a loss of its own a graph that ends in SOFTMAX gets the log-loss, another one the
    cross-entropy of its scores. A side exit has the loss of the scores, as far as that suits
    it: see `striate.passes.attach_loss.loss_of`.

    Raises:
        ShapeError: the usual loss does not fit the network's output.
    """
    sides = tuple((side.weight, _lowered(graph, side.node)) for side in graph.auxiliary)
    return Loss(_lowered(graph, graph.scores.name), sides)


def _lowered(graph: Graph, name: str) -> BatchLoss:
    return BatchLoss(loss_of(graph, name), leaves_as_logarithms(graph, name))


def leaves_as_logarithms(graph: Graph, name: str) -> bool:
    """Whether node `name` is a softmax over classes and only the log-loss reads it."""
    is_score = name == graph.scores.name
    if not is_score and name not in {each.node for each in graph.auxiliary}:
        return False
    if not (isinstance(graph[name].operator, Softmax) and graph.gives_shares(name)):
        return False
    if any(not graph[reader].operator.is_loss for reader in graph.consumers[name]):
        return False
    if graph.loss is None or isinstance(graph.loss.operator, LogLoss):
        return True
    return not is_score and isinstance(graph.loss.operator, CrossEntropy)


def checked(loss: LossOperator, scores: Tensor, target: Tensor) -> Tensor:
    """`target` in the type that PyTorch's losses take: int64 for classes, else floating point.

    Raises:
        SettingError: as `LossOperator.check_target`, whose answer it is.
    """
    shape = tuple(scores.shape)
    if _has_no_numbers(target):
        classes, positions = target, tuple(target.shape)
    elif _fits(loss, shape, target):
        classes, positions = target, shape[:1] + shape[2:]
    else:
        given = target.detach().cpu()
        plain = given.float() if given.dtype is torch.bfloat16 else given
        found = loss.check_target(plain.numpy(), shape)
        classes, positions = target.reshape(found.shape), found.shape
    if classes.ndim == scores.ndim:
        return classes.to(torch.promote_types(scores.dtype, torch.float32))
    return classes.reshape(positions).long()


def _has_no_numbers(target: Tensor) -> bool:
    """Whether a target cannot be looked into: it is traced, mapped over by vmap, or has no data."""
    mapped: bool = functorch_tensor(target)
    return mapped or target.is_meta or torch.compiler.is_compiling()


def _fits(loss: LossOperator, shape: tuple[int, ...], target: Tensor) -> bool:
    """Whether the target is plainly good: what almost every batch is, told without a copy."""
    if not isinstance(loss, RowLoss) or target.dtype is not torch.int64:
        return False
    if target.shape != shape[:1] + shape[2:]:
        return False
    if not target.numel():
        return False
    if loss.ignored is not None:
        target = target.where(target != loss.ignored, 0)
    least, most = torch.aminmax(target)
    return least.item() >= 0 and most.item() < shape[1]


def row_weights(loss: LossOperator, losses: Tensor, target: Tensor) -> Tensor | None:
    """How much each row counts in a mean, shaped as `losses`; None where all count 1."""
    if not isinstance(loss, ClassLoss) or target.is_floating_point():
        return None
    if loss.class_weights is None and loss.ignore_index is None:
        return None
    counts = target != (UNUSED if loss.ignore_index is None else loss.ignore_index)
    if loss.class_weights is None:
        return counts.to(losses.dtype)
    weights = losses.new_tensor(loss.class_weights)
    return torch.where(counts, weights[target.where(counts, 0)], 0)


def _cross_entropy(loss: ClassLoss, scores: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(
        scores,
        target,
        weight=_per_class(loss.class_weights, scores),
        ignore_index=_ignored(loss, target),
        label_smoothing=loss.smoothing,
        reduction="none",
    )


def _ignored(loss: ClassLoss, target: Tensor) -> int:
    shares = target.is_floating_point()
    return UNUSED if shares or loss.ignore_index is None else loss.ignore_index


def _log_loss(loss: LogLoss, log_p: Tensor, target: Tensor) -> Tensor:
    weights = _per_class(loss.class_weights, log_p)
    if not target.is_floating_point():
        ignored = _ignored(loss, target)
        each = F.nll_loss(log_p, target, weights, ignore_index=ignored, reduction="none")
        if not loss.smoothing:
            return each
        spread = -_weighed(log_p, weights).mean(dim=1)
        spread = spread.where(target != ignored, 0)
        return (1 - loss.smoothing) * each + loss.smoothing * spread
    shares = (1 - loss.smoothing) * target + loss.smoothing / log_p.shape[1]
    return -_weighed(shares * log_p, weights).sum(dim=1)


def _log_probabilities(outputs: Tensor, logarithms: bool) -> Tensor:
    """Logarithms, of probabilities or of what already are logarithms of them.

    A network that ends in SOFTMAX answers with probabilities, and with their logarithms while it
    trains. Nobody can mistake the two: the largest probability of a row is above 0, the largest
    logarithm is not. So no loss is ever wrong because of a forgotten mode.
    """
    found = outputs.clamp_min(torch.finfo(outputs.dtype).tiny).log()
    if not logarithms:
        return found
    return torch.where(outputs.amax(dim=1, keepdim=True) > 0, found, outputs)


def _squared_error(loss: SquaredError, outputs: Tensor, target: Tensor) -> Tensor:
    return 0.5 * (outputs - _wanted(target, outputs)).square().sum(dim=1)


def _map_loss(loss: MapLoss, outputs: Tensor, target: Tensor) -> Tensor:
    q = (1 - loss.smoothing) * _wanted(target, outputs) + loss.smoothing / outputs.shape[1]
    rubbish = torch.full_like(outputs[:, :1], -loss.j)
    total = torch.cat([-outputs, rubbish], dim=1).logsumexp(dim=1, keepdim=True)
    return (q * (outputs + total)).sum(dim=1)


def _ctc(loss: CTC, scores: Tensor, target: Tensor) -> Tensor:
    lengths = (target >= 0).sum(dim=1)
    steps = torch.full_like(lengths, scores.shape[2])
    log_p = scores.movedim(2, 0).log_softmax(dim=2)
    each = F.ctc_loss(log_p, target, steps, lengths, loss.blank, reduction="none")
    return each / lengths.clamp_min(1)


def _hinge(loss: Hinge, outputs: Tensor, target: Tensor) -> Tensor:
    classes = outputs.shape[1]
    rows = outputs.movedim(1, -1).reshape(-1, classes)
    # PyTorch has no kernel for half precision on a CPU.
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    weights = _per_class(loss.class_weights, rows)
    each = F.multi_margin_loss(
        rows, target.reshape(-1), loss.p, loss.margin, weights, reduction="none"
    )
    # PyTorch divides each row's sum by the number of classes.
    return each.reshape(target.shape) * classes


def _sigmoid_cross_entropy(loss: SigmoidCrossEntropy, outputs: Tensor, target: Tensor) -> Tensor:
    q = (1 - loss.smoothing) * _wanted(target, outputs) + loss.smoothing / 2
    places = (-1, *[1] * (outputs.ndim - 2))
    weights, positive = (
        None if each is None else outputs.new_tensor(each).reshape(places)
        for each in (loss.class_weights, loss.pos_weight)
    )
    each = F.binary_cross_entropy_with_logits(
        outputs, q, weights, pos_weight=positive, reduction="none"
    )
    return each.sum(dim=1)


def _wanted(target: Tensor, outputs: Tensor) -> Tensor:
    """One wanted value per score: for a class 1 there, else 0."""
    if target.is_floating_point():
        return target
    return F.one_hot(target, outputs.shape[1]).movedim(-1, 1).to(outputs.dtype)


def _per_class(weights: tuple[float, ...] | None, like: Tensor) -> Tensor | None:
    return None if weights is None else like.new_tensor(weights)


def _weighed(values: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return values
    return values * weights.reshape(-1, *[1] * (values.ndim - 2))


LOSSES: Mapping[type[Operator], RowLosses] = {
    CrossEntropy: _cross_entropy,
    LogLoss: _log_loss,
    SquaredError: _squared_error,
    MapLoss: _map_loss,
    CTC: _ctc,
    Hinge: _hinge,
    SigmoidCrossEntropy: _sigmoid_cross_entropy,
}
"""Every loss operator."""
