"""How PyTorch's functions of parts are built: cut, picked, joined, and gathered along axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from common_rows import cut, reshaped
from sample_graph import Cannot, Nothing, Row, SampleGraph, Value


def parts(function: Callable[..., Any]) -> Row:
    """One SLICE per part, of the lengths that PyTorch's function gives; the axis is found too."""

    def row(net: SampleGraph, x: torch.Tensor, *args: Any, **kwargs: Any) -> list[Value]:
        found = function(x, *args, **kwargs)
        shapes = [tuple(each.shape) for each in found]
        axis = next((k for k in range(x.ndim) if any(s[k] != x.shape[k] for s in shapes)), 0)
        return cut(net, net.enter(x), [shape[axis] for shape in shapes], axis)

    return row


def select(net: SampleGraph, x: torch.Tensor, dim: int, index: int) -> Value:
    return selected(net, net.enter(x), dim % x.ndim, index)


def selected(net: SampleGraph, x: Value, axis: int, index: int) -> Value:
    one = net("Slice", x, start=index, stop=index + 1 or None, axis=axis)
    return reshaped(net, one, one.shape[:axis] + one.shape[axis + 1 :])


def unbind(net: SampleGraph, x: torch.Tensor, dim: int = 0) -> list[Value]:
    value = net.enter(x)
    return [selected(net, value, dim % x.ndim, k) for k in range(x.shape[dim])]


def narrow(net: SampleGraph, x: torch.Tensor, dim: int, start: Any, length: int) -> Value:
    start = int(start) % x.shape[dim] if length else 0
    return cut_to(net, net.enter(x), dim, start, start + length)


def cut_to(net: SampleGraph, x: Value, axis: int, start: Any, stop: Any, step: int = 1) -> Value:
    if not range(*slice(start, stop, step).indices(x.shape[axis])):
        raise Nothing("an array without a number in it")
    return net("Slice", x, start=start or 0, stop=stop, axis=axis, step=step)


def slice_(
    net: SampleGraph,
    x: torch.Tensor,
    dim: int = 0,
    start: Any = None,
    end: Any = None,
    step: int = 1,
) -> Value:
    return cut_to(net, net.enter(x), dim, start, end, step)


def item(net: SampleGraph, x: torch.Tensor, index: Any) -> Value:
    """`x[index]`, of whole numbers, slices, None and an ellipsis."""
    entries = list(index) if isinstance(index, tuple) else [index]
    chosen = [each for each in entries if isinstance(each, list) or several(each)]
    allowed = int | slice | list | torch.Tensor | type(None) | type(...)
    if any(isinstance(each, bool) or not isinstance(each, allowed) for each in entries):
        raise Cannot("an index of an odd kind")
    if len(chosen) > 1 or (chosen and any(isinstance(each, int) for each in entries)):
        raise Cannot("several arrays of places as one index")
    value, axis = net.enter(x), 0
    taken = sum(each is not None and each is not Ellipsis for each in entries)
    for each in entries:
        if each is Ellipsis:
            axis += x.ndim - taken
        elif each is None:
            value = reshaped(net, value, (*value.shape[:axis], 1, *value.shape[axis:]))
            axis += 1
        elif isinstance(each, slice):
            value = cut_to(net, value, axis, each.start, each.stop, each.step or 1)
            axis += 1
        elif isinstance(each, list) or several(each):
            value = picked(net, value, axis, places(each))
            axis += 1
        else:
            value = selected(net, value, axis, each)
    return value


def several(index: Any) -> bool:
    """Whether an index is a list of places, or a mask of them."""
    return isinstance(index, torch.Tensor) and index.ndim == 1


def places(index: Any) -> list[int]:
    if isinstance(index, torch.Tensor) and index.dtype == torch.bool:
        return index.nonzero().flatten().tolist()
    return [int(n) for n in index]


def picked(net: SampleGraph, x: Value, axis: int, index: Sequence[int]) -> Value:
    """The places of one axis that are listed, each by a SLICE of its own."""
    if not index:
        raise Nothing("an array without a number in it")
    ends = [k % x.shape[axis] for k in index]
    return joined(net, [net("Slice", x, start=k, stop=k + 1, axis=axis) for k in ends], axis)


def index_select(net: SampleGraph, x: torch.Tensor, dim: int, index: torch.Tensor) -> Value:
    if not x.ndim:
        return net.enter(x)
    return picked(net, net.enter(x), dim % x.ndim, places(index.reshape(-1)))


def concat(net: SampleGraph, tensors: Sequence[torch.Tensor], dim: int = 0) -> Value:
    full = [each for each in tensors if each.numel()]
    if any(each.dtype != torch.float64 for each in full):
        raise Cannot("numbers of several types")
    return joined(net, [net.enter(each) for each in full], dim)


def joined(net: SampleGraph, values: Sequence[Value], axis: int) -> Value:
    return net("Concat", *values, axis=axis) if len(values) > 1 else values[0]


def stack(net: SampleGraph, tensors: Sequence[torch.Tensor], dim: int = 0) -> Value:
    values = [net.enter(each) for each in tensors]
    axis = dim % (tensors[0].ndim + 1)
    if not tensors[0].ndim:
        return joined(net, values, 0)
    size = (*tensors[0].shape[:axis], 1, *tensors[0].shape[axis:])
    return joined(net, [reshaped(net, value, size) for value in values], axis)


def side_by_side(least: int, axis: int, ones_behind: Callable[[torch.Tensor], Any]) -> Row:
    """hstack and its sisters: axes are added first."""

    def row(net: SampleGraph, tensors: Sequence[torch.Tensor]) -> Value:
        given = [*tensors] if not isinstance(tensors, torch.Tensor) else list(tensors)
        values = [reshaped(net, net.enter(each), ones_behind(each).shape) for each in given]
        ranks = {len(value.shape) for value in values}
        return joined(net, values, axis if min(ranks) > 1 or least > 1 else 0)

    return row


def gathered(kind: str) -> Row:
    """MEAN, SUM and MAX over axes, all of them unless they are named."""

    def row(
        net: SampleGraph, x: torch.Tensor, dim: Any = None, keepdim: bool = False, **kwargs: Any
    ) -> Value:
        if kwargs.get("dtype") not in (None, torch.float64):
            raise Cannot("a type for the result")
        dims = range(x.ndim) if dim is None or dim == () or dim == [] else dim
        axes = tuple(k % max(x.ndim, 1) for k in ((dims,) if isinstance(dims, int) else dims))
        return gathered_over(net, kind, net.enter(x), axes, keepdim)

    return row


def gathered_over(net: SampleGraph, kind: str, x: Value, axes: Sequence[int], keep: bool) -> Value:
    """Where no axis is left there is a value of one unit: all are kept, and joined."""
    every = sorted(axes or range(len(x.shape)))
    left = len(every) < len(x.shape)
    y = net(kind, x, axis=net.axes(x, every), keep=keep or not left)
    return y if left or keep else reshaped(net, y, (1,))


def extreme(kind: str) -> Row:
    """The largest numbers along one axis, or of all; their places are not compared."""

    def row(net: SampleGraph, x: torch.Tensor, dim: Any = None, keepdim: bool = False) -> Any:
        axes = () if dim is None or not x.ndim else (dim % x.ndim,)
        y = gathered_over(net, kind, net.enter(x), axes, keepdim)
        return y if dim is None else [y, None]

    return row


def softmax(kind: str, sign: float = 1.0) -> Row:
    def row(
        net: SampleGraph, x: torch.Tensor, dim: int, *_: Any, dtype: Any = None, **__: Any
    ) -> Value:
        if dtype not in (None, torch.float64):
            raise Cannot("a type for the result")
        if x.ndim and (x == -torch.inf).all(dim).any():
            raise Cannot("shares of a row that is -inf everywhere")
        value = net.enter(x)
        value = value if sign == 1 else net("Affine", value, scale=sign)
        return net(kind, value, axis=dim % len(value.shape))

    return row


def difference(
    net: SampleGraph, x: torch.Tensor, n: int, dim: int, prepend: Any = None, append: Any = None
) -> Value:
    """PyTorch's `diff` puts tensors before and behind, then subtracts neighbors n times."""
    axis = dim % x.ndim
    around = (prepend, x, append) if n else (x,)
    given = [each for each in around if each is not None and each.numel()]
    value = joined(net, [net.enter(each) for each in given], axis)
    for _ in range(n):
        later = cut_to(net, value, axis, 1, None)
        value = net("Subtract", later, cut_to(net, value, axis, 0, -1))
    return value


def hstacked(each: torch.Tensor) -> torch.Tensor:
    return torch.atleast_1d(each)


def columns(each: torch.Tensor) -> torch.Tensor:
    return each.reshape(-1, 1) if each.ndim < 2 else each


AXES: dict[str, Row] = {
    "chunk": parts(torch.chunk),
    "unsafe_chunk": parts(torch.chunk),
    "split": parts(torch.split),
    "split/list_args": parts(torch.split),
    "unsafe_split": parts(torch.split),
    "split_with_sizes": parts(torch.split),
    "split_with_sizes_copy": parts(torch.split),
    "tensor_split": parts(torch.tensor_split),
    "hsplit": parts(torch.hsplit),
    "vsplit": parts(torch.vsplit),
    "dsplit": parts(torch.dsplit),
    "select": select,
    "unbind": unbind,
    "unbind_copy": unbind,
    "narrow": narrow,
    "narrow_copy": narrow,
    "slice": slice_,
    "__getitem__": item,
    "index_select": index_select,
    "cat": concat,
    "stack": stack,
    "hstack": side_by_side(1, 1, hstacked),
    "vstack": side_by_side(2, 0, torch.atleast_2d),
    "dstack": side_by_side(3, 2, torch.atleast_3d),
    "column_stack": side_by_side(2, 1, columns),
    "mean": gathered("Mean"),
    "sum": gathered("Sum"),
    "amax": gathered("Max"),
    "amin": gathered("Min"),
    "max/reduction_no_dim": extreme("Max"),
    "max/reduction_with_dim": extreme("Max"),
    "min/reduction_no_dim": extreme("Min"),
    "min/reduction_with_dim": extreme("Min"),
    "softmax": softmax("Softmax"),
    "softmax/with_dtype": softmax("Softmax"),
    "torch.ops.aten._safe_softmax.default": softmax("Softmax"),
    "nn.functional.softmin": softmax("Softmax", -1.0),
    "nn.functional.softmin/with_dtype": softmax("Softmax", -1.0),
    "log_softmax": softmax("LogSoftmax"),
    "log_softmax/with_dtype": softmax("LogSoftmax"),
    "diff": difference,
}
