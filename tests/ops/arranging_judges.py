"""The judges of what moves numbers, spreads them, or brings in some: PyTorch's functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


def dim(twin: Any) -> int:
    """The dimension that the operator's axis is, by the rule that the spec states."""
    axis, x = twin.operator.axis, twin.specs[0]
    return (x.axes.index(axis) if isinstance(axis, str) else axis % x.rank) + 1


def dims(twin: Any, first: int) -> list[int]:
    """The dimensions that the operator's axes are, in order; without any all from `first` on."""
    axis, x = twin.operator.axis, twin.specs[0]
    if axis is None:
        return list(range(first, twin.x.ndim))
    words = str(axis).split()
    return sorted((x.axes.index(w) if w in x.axes else int(w) % x.rank) + 1 for w in words)


def winning(twin: Any, choose: Any) -> Tensor:
    """The winner of each row, all dimensions of a row laid end to end in their order."""
    away = dims(twin, 2)
    rows = twin.x.movedim(away, list(range(-len(away), 0))).flatten(-len(away))
    winners = choose(rows, -1).values
    if twin.operator.keep:
        for each in away:
            winners = winners.unsqueeze(each)
    return winners


def dense(twin: Any) -> Tensor:
    """PyTorch's layer on the axis, made the last one."""
    at = 1 if twin.operator.axis is None else dim(twin)
    weight, bias = twin.weights["weight"], twin.weights.get("bias")
    return F.linear(twin.x.transpose(at, -1), weight, bias).transpose(at, -1)


def layer_norm(twin: Any) -> Tensor:
    """PyTorch's function on the axes, made the last ones."""
    x, back = _axes_last(twin)
    own = twin.weights.get("weight"), twin.weights.get("bias")
    shape = x.shape[x.ndim - len(dims(twin, 1)) :]
    return F.layer_norm(x, shape, *own, twin.operator.epsilon).permute(back)


def rms_norm(twin: Any) -> Tensor:
    x, back = _axes_last(twin)
    shape, weight = x.shape[x.ndim - len(dims(twin, 1)) :], twin.weights.get("weight")
    return F.rms_norm(x, shape, weight, twin.operator.epsilon).permute(back)


def _axes_last(twin: Any) -> tuple[Tensor, list[int]]:
    """The input with those dimensions last, and the order that puts them back."""
    over = dims(twin, 1)
    order = [k for k in range(twin.x.ndim) if k not in over] + over
    return twin.x.permute(order), [order.index(k) for k in range(len(order))]


def sliced(twin: Any) -> Tensor:
    part, at = twin.operator, dim(twin)
    places = range(twin.x.shape[at])[part.start : part.stop : part.step]
    return twin.x.index_select(at, torch.tensor(list(places)))


def padded(twin: Any) -> Tensor:
    """One axis after the other, as a signal."""
    pad, x = twin.operator, twin.x
    given = pad.sides if isinstance(pad.sides, tuple) else (pad.sides,) * (x.ndim - 2)
    axes = range(x.ndim - len(given), x.ndim)
    mode, value = (pad.mode, None) if isinstance(pad.mode, str) else ("constant", pad.mode)
    for at, side in zip(axes, given, strict=True):
        last = x.movedim(at, -1)
        signal = last.flatten(0, -2).unsqueeze(1)
        pair = side if isinstance(side, tuple) else (side, side)
        grown = F.pad(signal, pair, mode, value).squeeze(1)
        x = grown.unflatten(0, last.shape[:-1]).movedim(-1, at)
    return x


def reshaped(twin: Any) -> Tensor:
    """Zeros before the first other number are the input's first axes, those behind its last."""
    size, shape = list(twin.operator.size), twin.x.shape[1:]
    moved = [k for k, n in enumerate(size) if n]
    for k, n in enumerate(size):
        if not n:
            size[k] = shape[k] if k < moved[0] else shape[k - len(size)]
    return twin.x.flatten(1).unflatten(1, size)


def unfolded(twin: Any) -> Tensor:
    """One window after the other, by `Tensor.unfold` of what is padded."""
    unfold, rank = twin.operator, twin.x.ndim - 2
    kernel, stride, dilation = (
        list(n) if isinstance(n, tuple) else [n] * rank
        for n in (unfold.kernel, unfold.stride, unfold.dilation)
    )
    given = 0 if unfold.padding == "valid" else unfold.padding
    sides = given if isinstance(given, tuple) else (given,) * rank
    pairs = [side if isinstance(side, tuple) else (side, side) for side in sides]
    x = F.pad(twin.x, [n for pair in reversed(pairs) for n in pair])
    for axis in range(rank):
        extent = dilation[axis] * (kernel[axis] - 1) + 1
        x = x.unfold(2 + axis, extent, stride[axis])[..., :: dilation[axis]]
    x = x.permute(0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    return x.flatten(1, 1 + rank).flatten(2)


def spread(twin: Any) -> Tensor:
    """The weight, shaped so that PyTorch spreads it."""
    size = twin.operator.size or (twin.x.shape[1], *[1] * (twin.x.ndim - 2))
    return twin.weights["weight"].reshape(size)


def repeated(twin: Any) -> Tensor:
    """The value once for each picture."""
    return torch.stack([twin.weights["value"]] * twin.pictures)


def resized(twin: Any) -> Tensor:
    """By the names and defaults of `torch.nn.functional.interpolate`."""
    resize, rank = twin.operator, twin.x.ndim - 2
    size = (
        None if resize.size is None else list(resize.size) * (rank if len(resize.size) == 1 else 1)
    )
    corners = None if resize.mode == "nearest" else resize.align_corners
    return F.interpolate(twin.x, size, resize.scale, resize.mode, corners)


def with_positions(twin: Any) -> Tensor:
    """Two features at a time: the imaginary and the real part of one rotation."""
    channels, steps = twin.x.shape[1:]
    paces = twin.operator.base ** (-torch.arange(0, channels, 2, dtype=torch.float64) / channels)
    turns = torch.polar(torch.ones(()).double(), torch.outer(paces, torch.arange(steps).double()))
    return twin.x + torch.stack((turns.imag, turns.real), 1).flatten(0, 1)[:channels]


def masked_softmax(twin: Any) -> Tensor:
    """Keys last, what is hidden at -inf, and no share where there is nothing else."""
    at, x = dim(twin), twin.x.detach() * 0
    seen = torch.ones_like(x, dtype=torch.bool)
    keys = torch.arange(x.shape[at]).reshape(-1, *[1] * (x.ndim - 1 - at))
    if twin.operator.causal:
        seen &= torch.ones(x.shape[at - 1 : at + 1]).tril().reshape(-1, *keys.shape) > 0
    for mask in twin.inputs[1:]:
        alone = mask.reshape(len(mask), *[1] * (at - 1), -1, *[1] * (x.ndim - 1 - at))
        if twin.operator.lengths:
            seen &= keys < alone
        else:
            seen &= (mask if mask.ndim == x.ndim else alone) > 0
    return twin.x.masked_fill(~seen, float("-inf")).softmax(at).nan_to_num()
