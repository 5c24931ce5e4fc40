"""The judges of losses: PyTorch's functions, and its means where it has them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def _by_picture(twin: Any, rows: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over the rows (N, *positions) of each picture, weighted where they have weights."""
    weights = torch.ones_like(rows) if weights is None else weights
    total, weight = rows.reshape(len(twin.x), -1).sum(1), weights.reshape(len(twin.x), -1).sum(1)
    return torch.where(weight > 0, total / torch.where(weight > 0, weight, 1), 0)


def _numbers(twin: Any, numbers: tuple[float, ...] | None, axes: int = 0) -> Tensor | None:
    """A setting of one number per class, with so many axes behind it."""
    if numbers is None:
        return None
    return torch.tensor(numbers, dtype=twin.x.dtype).reshape(-1, *[1] * axes)


def hinge(twin: Any) -> Tensor:
    loss, classes = twin.operator, twin.x.shape[1]
    last = twin.x.movedim(1, -1).flatten(0, -2)
    weights = None if loss.class_weights is None else torch.tensor(loss.class_weights).to(last)
    mean = F.multi_margin_loss(
        last, twin.target.flatten(), loss.p, loss.margin, weights, reduction="none"
    )
    return _by_picture(twin, mean.reshape(twin.target.shape) * classes)


def sigmoid_cross_entropy(twin: Any) -> Tensor:
    loss, axes = twin.operator, twin.x.ndim - 2
    each = F.binary_cross_entropy_with_logits(
        twin.x,
        _hot(twin) * (1 - loss.smoothing) + loss.smoothing / 2,
        _numbers(twin, loss.class_weights, axes),
        pos_weight=_numbers(twin, loss.pos_weight, axes),
        reduction="none",
    )
    return _by_picture(twin, each.sum(dim=1))


def squared_error(twin: Any) -> Tensor:
    return _by_picture(twin, F.mse_loss(twin.x, _hot(twin), reduction="none").sum(dim=1) / 2)


def log_loss(twin: Any) -> Tensor:
    loss, log_p = twin.operator, twin.x.log()
    q = _hot(twin) * (1 - loss.smoothing) + loss.smoothing / twin.x.shape[1]
    weights = _numbers(twin, loss.class_weights, twin.x.ndim - 2)
    losses = -(q * log_p * (1 if weights is None else weights)).sum(dim=1)
    return _by_picture(twin, losses * _counts(twin), _row_weights(twin))


def cross_entropy(twin: Any) -> Tensor:
    """PyTorch's mean, of one picture at a time."""
    loss, ignored = twin.operator, twin.operator.ignore_index
    losses = [
        F.cross_entropy(
            twin.x[n : n + 1],
            twin.target[n : n + 1],
            _numbers(twin, loss.class_weights),
            ignore_index=-100 if ignored is None or twin.target.is_floating_point() else ignored,
            label_smoothing=loss.smoothing,
        )
        for n in range(len(twin.x))
    ]
    weight = _row_weights(twin).reshape(len(twin.x), -1).sum(1)
    # Of nothing PyTorch's mean is no number.
    return torch.stack(
        [each if w else 0 * z.sum() for each, w, z in zip(losses, weight, twin.x, strict=True)]
    )


def _counts(twin: Any) -> Tensor:
    """1 where a row is compared, 0 where it is ignored."""
    if twin.target.is_floating_point() or twin.operator.ignore_index is None:
        return torch.ones_like(twin.x[:, 0])
    return (twin.target != twin.operator.ignore_index).to(twin.x.dtype)


def _row_weights(twin: Any) -> Tensor:
    weights = _numbers(twin, twin.operator.class_weights)
    if twin.target.is_floating_point() or weights is None:
        return _counts(twin)
    return weights[twin.target.clamp(0, len(weights) - 1)] * _counts(twin)


def map_loss(twin: Any) -> Tensor:
    """Cross-entropy of one class more, which is never right."""
    loss = twin.operator
    rubbish = torch.full_like(twin.x[:, :1], -loss.j)
    q = _hot(twin) * (1 - loss.smoothing) + loss.smoothing / twin.x.shape[1]
    wanted = torch.cat([q, torch.zeros_like(rubbish)], dim=1)
    losses = F.cross_entropy(torch.cat([-twin.x, rubbish], dim=1), wanted, reduction="none")
    return _by_picture(twin, losses)


def _hot(twin: Any) -> Tensor:
    if twin.target.is_floating_point():
        return twin.target
    return (twin.target.unsqueeze(1) == _classes(twin)).to(twin.x.dtype)


def _classes(twin: Any) -> Tensor:
    return torch.arange(twin.x.shape[1]).reshape(1, -1, *[1] * (twin.x.ndim - 2))


def ctc(twin: Any) -> Tensor:
    """PyTorch's mean, of one picture at a time."""
    log_p = twin.x.movedim(2, 0).log_softmax(dim=2)
    losses = []
    for n, row in enumerate(twin.target):
        own, steps = row[row >= 0], torch.tensor([log_p.shape[0]])
        lengths = torch.tensor([len(own)])
        one = log_p[:, n : n + 1]
        losses.append(F.ctc_loss(one, own[None], steps, lengths, twin.operator.blank))
    return torch.stack(losses)
