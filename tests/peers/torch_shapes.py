"""How PyTorch's functions that change only shape, order or number of copies are built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from common_rows import permuted, reshaped
from sample_graph import Nothing, Row, SampleGraph, Value
from torch_axes import cut_to, selected


def shape_of(given: Sequence[Any]) -> tuple[int, ...]:
    """Sizes, given one by one or together."""
    return tuple(given[0]) if len(given) == 1 and not isinstance(given[0], int) else tuple(given)


def reshape(net: SampleGraph, x: torch.Tensor, *shape: Any) -> Value:
    return reshaped(net, net.enter(x), x.reshape(shape_of(shape)).shape)


def by_result(function: Callable[..., torch.Tensor]) -> Row:
    """What only changes the shape: RESHAPE to the shape that PyTorch's function gives."""

    def row(net: SampleGraph, x: torch.Tensor, *args: Any, **kwargs: Any) -> Value:
        return reshaped(net, net.enter(x), function(x, *args, **kwargs).shape)

    return row


def at_least(function: Callable[..., Any]) -> Row:
    """The same, for one tensor or for several."""

    def row(net: SampleGraph, x: Any, *more: torch.Tensor) -> list[Value]:
        given = [*x] if isinstance(x, tuple | list) else [x, *more]
        return [reshaped(net, net.enter(each), function(each).shape) for each in given]

    return row


def permute(net: SampleGraph, x: torch.Tensor, *dims: Any) -> Value:
    return permuted(net, net.enter(x), shape_of(dims)) if x.ndim else net.enter(x)


def by_order(function: Callable[..., torch.Tensor]) -> Row:
    """What only changes the order of axes, read off a small probe of different lengths."""

    def row(net: SampleGraph, x: torch.Tensor, *args: Any, **kwargs: Any) -> Value:
        probe = function(torch.empty(tuple(range(1, x.ndim + 1))), *args, **kwargs)
        return permuted(net, net.enter(x), [n - 1 for n in probe.shape]) if x.ndim else net.enter(x)

    return row


def expand(net: SampleGraph, x: torch.Tensor, *shape: Any) -> Value:
    return expanded(net, net.enter(x), x.expand(shape_of(shape)).shape)


def expanded(net: SampleGraph, x: Value, size: Sequence[int]) -> Value:
    if 0 in size:
        raise Nothing("an array without a number in it")
    x = reshaped(net, x, (1,) * (len(size) - len(x.shape)) + x.shape)
    return x if x.shape == (tuple(size) or (1,)) else net("Expand", x, size=tuple(size))


def broadcast(net: SampleGraph, *tensors: torch.Tensor) -> list[Value]:
    size = torch.broadcast_shapes(*(each.shape for each in tensors))
    return [expanded(net, net.enter(each), size) for each in tensors]


def repeat(net: SampleGraph, x: torch.Tensor, *times: Any) -> Value:
    counts = shape_of(times)
    value = net.enter(x)
    counts = (1,) * (x.ndim - len(counts)) + counts
    value = reshaped(net, value, (1,) * (len(counts) - x.ndim) + tuple(x.shape))
    if 0 in counts:
        raise Nothing("an array without a number in it")
    for axis, count in enumerate(counts):
        value = net("Repeat", value, times=count, axis=axis) if count != 1 else value
    return value


def flip(net: SampleGraph, x: torch.Tensor, dims: Any) -> Value:
    return flipped(net, net.enter(x), (dims,) if isinstance(dims, int) else dims)


def flipped(net: SampleGraph, x: Value, axes: Sequence[int]) -> Value:
    for axis in axes:
        x = net("Flip", x, axis=axis)
    return x


def roll(net: SampleGraph, x: torch.Tensor, shifts: Any, dims: Any = ()) -> Value:
    value = net.enter(x)
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if not dims:
        flat = net("Roll", reshaped(net, value, (-1,)), shift=shifts[0], axis=0)
        return reshaped(net, flat, x.shape)
    for shift, axis in zip(shifts, dims, strict=True):
        value = net("Roll", value, shift=shift, axis=axis)
    return value


def rot90(net: SampleGraph, x: torch.Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Value:
    value = net.enter(x)
    for _ in range(k % 4):
        order = list(range(x.ndim))
        a, b = dims
        order[a], order[b] = order[b], order[a]
        value = net("Flip", permuted(net, value, order), axis=a % x.ndim)
    return value


def pad(mode: str) -> Row:
    def row(
        net: SampleGraph, x: torch.Tensor, pad: Sequence[int], *args: Any, **kwargs: Any
    ) -> Value:
        filling = kwargs.get("value", next((a for a in args if not isinstance(a, str)), 0.0))
        kind = kwargs.get("mode", next((a for a in args if isinstance(a, str)), mode))
        return padded(net, net.enter(x), pad, kind, filling or 0.0)

    return row


def padded(net: SampleGraph, x: Value, sides: Sequence[int], mode: str, filling: float) -> Value:
    """By PyTorch's order: the last axis first, before and after."""
    pairs = [(int(a), int(b)) for a, b in zip(sides[::2], sides[1::2], strict=True)]
    pairs = [*reversed(pairs)]
    pairs = [(0, 0)] * (len(x.shape) - len(pairs)) + pairs
    for axis, (before, after) in enumerate(pairs):
        if min(before, after) < 0:
            start, stop = max(-before, 0), x.shape[axis] - max(-after, 0)
            x = cut_to(net, x, axis, start, stop)
    grown = tuple((max(before, 0), max(after, 0)) for before, after in pairs)
    if not any(map(sum, grown)):
        return x
    return net("Pad", x, sides=grown, mode=filling if mode == "constant" else mode)


def unfold(
    net: SampleGraph,
    x: torch.Tensor,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Value:
    def pair(n: Any) -> Any:
        return tuple(n) if not isinstance(n, int) else n

    return net(
        "Unfold",
        net.enter(x, batched=x.ndim == 4),
        kernel=(pair(kernel_size),) * 2 if isinstance(kernel_size, int) else pair(kernel_size),
        dilation=pair(dilation),
        padding=pair(padding),
        stride=pair(stride),
    )


def pixel_shuffle(net: SampleGraph, x: torch.Tensor, upscale_factor: int) -> Value:
    flat = net.enter(x)
    return in_threes(net, flat, x.shape, "PixelShuffle", upscale_factor=upscale_factor)


def in_threes(
    net: SampleGraph, x: Value, shape: Sequence[int], kind: str, **settings: Any
) -> Value:
    """What works on (C, H, W), with more axes before these: they are paired one by one."""
    more = tuple(shape[:-3])
    if not more:
        return net(kind, x, **settings)
    rows = reshaped(net, x, (prod(more), *shape[-3:]))
    done = [net(kind, selected(net, rows, 0, k), **settings) for k in range(prod(more))]
    whole = net("Stack", *done)
    return reshaped(net, whole, (*more, *done[0].shape))


def pixel_unshuffle(net: SampleGraph, x: torch.Tensor, downscale_factor: int) -> Value:
    r, (*more, c, h, w) = downscale_factor, x.shape
    value, n = net.enter(x), prod(x.shape[:-3])
    blocks = reshaped(net, value, (n, c, h // r, r, w // r, r))
    turned = permuted(net, blocks, (0, 1, 3, 5, 2, 4))
    return reshaped(net, turned, (*more, c * r * r, h // r, w // r))


def channel_shuffle(net: SampleGraph, x: torch.Tensor, groups: int) -> Value:
    value = net.enter(x)
    n, c = x.shape[:2]
    split = reshaped(net, value, (n, groups, c // groups, *x.shape[2:]))
    order = (0, 2, 1, *range(3, x.ndim + 1))
    return reshaped(net, permuted(net, split, order), x.shape)


def same(net: SampleGraph, x: torch.Tensor, *_: Any, **__: Any) -> Value:
    return net.enter(x)


def turned(a: int, b: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: x.transpose(a, b) if x.ndim > 1 else x


REARRANGING: dict[str, Row] = {
    "reshape": reshape,
    "view": reshape,
    "view_copy": reshape,
    "reshape_as": by_result(torch.Tensor.reshape_as),
    "view_as": by_result(torch.Tensor.view_as),
    "flatten": by_result(torch.flatten),
    "unflatten": by_result(torch.unflatten),
    "ravel": by_result(torch.ravel),
    "squeeze": by_result(torch.squeeze),
    "squeeze/multiple": by_result(torch.squeeze),
    "squeeze_copy": by_result(torch.squeeze),
    "unsqueeze": by_result(torch.unsqueeze),
    "unsqueeze_copy": by_result(torch.unsqueeze),
    "atleast_1d": at_least(torch.atleast_1d),
    "atleast_2d": at_least(torch.atleast_2d),
    "atleast_3d": at_least(torch.atleast_3d),
    "permute": permute,
    "permute_copy": permute,
    "transpose": by_order(torch.transpose),
    "transpose_copy": by_order(torch.transpose),
    "movedim": by_order(torch.movedim),
    "t": by_order(torch.t),
    "t_copy": by_order(torch.t),
    "T": by_order(turned(0, 1)),
    "H": by_order(turned(0, 1)),
    "mT": by_order(turned(-1, -2)),
    "mH": by_order(turned(-1, -2)),
    "expand": expand,
    "expand_copy": expand,
    "broadcast_to": expand,
    "expand_as": lambda net, x, other: expanded(net, net.enter(x), other.shape),
    "broadcast_tensors": broadcast,
    "repeat": repeat,
    "tile": repeat,
    "flip": flip,
    "fliplr": lambda net, x: flip(net, x, 1),
    "flipud": lambda net, x: flip(net, x, 0),
    "roll": roll,
    "rot90": rot90,
    "clone": same,
    "contiguous": same,
    "alias_copy": same,
    "nn.functional.pad/constant": pad("constant"),
    "nn.functional.pad/reflect": pad("reflect"),
    "nn.functional.pad/replicate": pad("replicate"),
    "nn.functional.pad/replicate_negative": pad("replicate"),
    "nn.functional.pad/circular": pad("circular"),
    "constant_pad_nd": pad("constant"),
    "nn.functional.unfold": unfold,
    "nn.functional.pixel_shuffle": pixel_shuffle,
    "nn.functional.pixel_unshuffle": pixel_unshuffle,
    "nn.functional.channel_shuffle": channel_shuffle,
}
