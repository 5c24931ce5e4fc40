"""How PyTorch's losses are built: ours where it is their mean, else a graph of the formula."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import torch
from common_rows import aligned, merged, reshaped, scaled
from sample_graph import Cannot, Row, SampleGraph, Value
from torch_axes import gathered_over


def reduced(net: SampleGraph, losses: Value, reduction: str) -> Value:
    """The mean or the sum of everything, or the losses as they are."""
    if reduction == "none":
        return losses
    kind = {"mean": "Mean", "sum": "Sum"}[reduction]
    return gathered_over(net, kind, losses, (), keep=False)


def distance(kind: str) -> Row:
    """A function of the difference of two tensors: squared, absolute."""

    def row(
        net: SampleGraph, x: Any, target: Any, reduction: str = "mean", weight: Any = None, **_: Any
    ) -> Value:
        if weight is not None:
            raise Cannot("a weight for each distance")
        return reduced(net, net(kind, merged(net, "Subtract", x, target)), reduction)

    return row


def constant(net: SampleGraph, numbers: torch.Tensor) -> Value:
    """Numbers that no gradient reaches."""
    given = numbers.detach().reshape(tuple(numbers.shape) or (1,))
    return net("Constant", weights={"value": given}, size=tuple(given.shape))


def class_loss(kind: str) -> Row:
    """CROSSENTROPY or LOGLOSS (of exp(x), as PyTorch takes logarithms)."""

    def row(
        net: SampleGraph,
        x: torch.Tensor,
        target: torch.Tensor,
        weight: torch.Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> Value:
        ours = Classes(x, target, weight, ignore_index, label_smoothing)
        if not ours.by_operator(reduction):
            return ours.as_formula(net, kind, reduction)
        y = net.enter(x, batched=x.ndim > 1)
        net.target = target.numpy() if x.ndim > 1 else target.numpy()[None]
        return net(
            kind,
            net("Exp", y) if kind == "LogLoss" else y,
            smoothing=label_smoothing,
            class_weights=None if weight is None else tuple(weight.tolist()),
            ignore_index=None if target.is_floating_point() else ignore_index,
        )

    return row


@dataclass(frozen=True)
class Classes:
    """Scores, and the classes or shares of classes that they are compared with."""

    x: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor | None = None
    ignored: int = -100
    smoothing: float = 0.0

    @property
    def axis(self) -> int:
        """Where the classes are."""
        return 1 if self.x.ndim > 1 else 0

    def by_operator(self, reduction: str) -> bool:
        """Whether our loss computes this; else its formula is a graph."""
        single = self.weight is None and self.x.ndim == 2
        whole = reduction == "mean" or (reduction == "none" and single)
        shares, weighed = self.target.is_floating_point(), self.weight is not None
        below = self.weight is not None and bool((self.weight < 0).any())
        return whole and not below and not (shares and weighed) and not self.target.requires_grad

    def as_formula(self, net: SampleGraph, kind: str, reduction: str) -> Value:
        """-Σ wanted · log p over the classes; the mean is by the weights of the right ones."""
        logs = net.enter(self.x)
        if kind == "CrossEntropy":
            logs = net("LogSoftmax", logs, axis=self.axis)
        each = scaled(net, net("Multiply", logs, self.wanted(net)), -1.0)
        losses = gathered_over(net, "Sum", each, (self.axis,), keep=False)
        if reduction != "mean":
            return reduced(net, losses, reduction)
        return scaled(net, reduced(net, losses, "sum"), 1 / self.total)

    @property
    def total(self) -> float:
        """What a mean divides by."""
        if self.target.is_floating_point():
            return self.x.numel() / self.x.shape[self.axis]
        counts = self.target[self.target != self.ignored]
        return float(len(counts) if self.weight is None else self.weight[counts].sum())

    def wanted(self, net: SampleGraph) -> Value:
        """What multiplies -log p of each class."""
        classes, positions = self.x.shape[self.axis], self.x.ndim - self.axis - 1
        weight = torch.ones(classes) if self.weight is None else self.weight
        weight = weight.detach().double().reshape(-1, *[1] * positions)
        level = self.smoothing / classes
        if self.target.is_floating_point():
            shares = scaled(net, net.enter(self.target), 1 - self.smoothing, level)
            return net("Multiply", *aligned(net, shares, constant(net, weight)))
        counts = self.target != self.ignored
        hot = torch.nn.functional.one_hot(self.target.where(counts, 0), classes).double()
        shares = (1 - self.smoothing) * hot.movedim(-1, self.axis) + level
        return constant(net, shares * weight * counts.unsqueeze(self.axis))


def logits(
    net: SampleGraph,
    x: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: torch.Tensor | None = None,
) -> Value:
    """One score per position; else w · ((1 - t) · x + (1 + (v - 1) · t) · softplus(-x))."""
    plain = weight is None and pos_weight is None and reduction == "mean"
    if plain and not target.requires_grad:
        net.target = target.numpy().reshape(1, 1, -1)
        y = reshaped(net, net.enter(x), (1, prod(x.shape)))
        return net("SigmoidCrossEntropy", y)
    value = net.enter(x)
    wanted = net.enter(target) if target.requires_grad else constant(net, target)
    no = merged(net, "Multiply", scaled(net, wanted, -1.0, 1.0), value)
    soft = net("Softplus", scaled(net, value, -1.0))
    if pos_weight is not None:
        more = merged(net, "Multiply", wanted, constant(net, pos_weight.detach() - 1))
        soft = merged(net, "Multiply", soft, scaled(net, more, 1.0, 1.0))
    losses = merged(net, "Add", no, soft)
    if weight is not None:
        losses = merged(net, "Multiply", losses, constant(net, weight))
    return reduced(net, losses, reduction)


def hinge(
    net: SampleGraph,
    x: torch.Tensor,
    target: torch.Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: torch.Tensor | None = None,
    reduction: str = "mean",
) -> Value:
    """HINGE of scores that are divided first: PyTorch divides the loss by the number of classes."""
    if reduction == "sum":
        raise Cannot("a loss that is summed over the batch")
    if not x.ndim:
        raise Cannot("a single class")
    y = net.enter(x, batched=x.ndim > 1)
    scale = (1 / x.shape[-1]) ** (1 / p)
    net.target = target.numpy().reshape(-1)
    return net(
        "Hinge",
        scaled(net, y, scale),
        margin=margin * scale,
        p=p,
        class_weights=None if weight is None else tuple(weight.tolist()),
    )


def ctc(
    net: SampleGraph,
    x: torch.Tensor,
    target: torch.Tensor,
    steps: Any,
    lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Value:
    """Scores (steps, batch, classes), all of the same number of steps."""
    if reduction != "mean":
        raise Cannot("a loss per sequence that is not divided by its labels")
    if target.ndim != 2 or any(int(n) != len(x) for n in steps):
        raise Cannot("sequences of several lengths")
    labels = target.clone()
    for row, length in zip(labels, lengths, strict=True):
        row[int(length) :] = -1
    net.target = np.asarray(labels)
    return net("CTC", net.enter(x, batched=True, order=(1, 2, 0)), blank=blank)


LOSSES: dict[str, Row] = {
    "nn.functional.mse_loss": distance("Square"),
    "nn.functional.l1_loss": distance("Abs"),
    "nn.functional.cross_entropy": class_loss("CrossEntropy"),
    "nn.functional.nll_loss": class_loss("LogLoss"),
    "nn.functional.binary_cross_entropy_with_logits": logits,
    "nn.functional.multi_margin_loss": hinge,
    "nn.functional.ctc_loss": ctc,
}
