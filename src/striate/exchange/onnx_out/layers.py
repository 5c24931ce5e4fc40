"""Layers with windows or weights, and normalizations: operators as ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from striate import ops
from striate.exchange.onnx_out.place import NodeWriter, WriterRow
from striate.graph import Operator, Spec, Window
from striate.graph.window import spread, windows
from striate.ops.arrays import Array
from striate.ops.convolution.wiring import TABLES


def strides(axes: Sequence[Window]) -> dict[str, list[int]]:
    """The settings of windows, without padding, as ONNX takes them."""
    return {
        "kernel_shape": [w.kernel for w in axes],
        "strides": [w.stride for w in axes],
        "dilations": [w.dilation for w in axes],
    }


def pads(sides: Sequence[tuple[int, int]]) -> list[int]:
    """All cells before, then all after, as ONNX counts them."""
    return [before for before, _ in sides] + [after for _, after in sides]


def padded(at: NodeWriter, value: str, sides: Sequence[tuple[int, int]], filling: float) -> str:
    """A map with cells around it."""
    around = pads([(0, 0), (0, 0), *sides])
    if not any(around):
        return value
    return at.put("Pad", value, at.whole(*around), at.number(filling))


def _conv(conv: ops.Conv, at: NodeWriter) -> str:
    axes = conv.field(at.spec)
    inputs = [at.x, _kernel(conv, at)]
    inputs += [at.weight("bias")] if conv.bias else []
    sides = [(w.before, w.after) for w in axes]
    return at.put("Conv", *inputs, **strides(axes), pads=pads(sides), group=conv.groups)


def _kernel(conv: ops.Conv, at: NodeWriter) -> str:
    """The weight; that of a connection table filled up with zeros."""
    if conv.table is None:
        return at.weight("weight")
    table = np.array(TABLES[conv.table] if isinstance(conv.table, str) else conv.table)
    weight = at.weights["weight"]
    whole = np.zeros((*table.shape, *weight.shape[1:]), dtype=np.float32)
    whole[table.nonzero()] = weight
    return at.constant(whole)


def _transposed_conv(conv: ops.TransposedConv, at: NodeWriter) -> str:
    rank = len(at.spec.spatial)
    axes = windows(rank, conv.kernel, conv.stride, conv.padding, conv.dilation)
    inputs = [at.x, at.weight("weight")]
    inputs += [at.weight("bias")] if conv.bias else []
    behind = spread("output_padding", conv.output_padding, rank)
    return at.put(
        "ConvTranspose",
        *inputs,
        **strides(axes),
        pads=pads([(w.before, w.after) for w in axes]),
        output_padding=list(behind),
        group=conv.groups,
    )


def _dense(dense: ops.Dense, at: NodeWriter) -> str:
    rank, axis = at.spec.rank, dense.along(at.spec) + 1
    if rank == 1:
        bias = [at.weight("bias")] if dense.bias else []
        return at.put("Gemm", at.x, at.weight("weight"), *bias, transB=1)
    moved, back = at.moved_last(at.x, (axis,), rank + 1)
    value = at.put("MatMul", moved, at.weight("weight", "/turned", np.transpose))
    if dense.bias:
        value = at.put("Add", value, at.weight("bias"))
    return at.turned(value, back)


def _overhangs(axes: Sequence[Window], x: Spec) -> list[tuple[int, int]]:
    """Cells around the input that windows reach."""
    return [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]


def _are_small(axes: Sequence[Window], sides: Sequence[tuple[int, int]]) -> bool:
    """Whether runtimes take the padding for a pool's: it is narrower than the window."""
    return all(max(pair) < w.kernel for w, pair in zip(axes, sides, strict=True))


def _max_pool(pool: ops.MaxPool, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    sides = _overhangs(axes, at.spec)
    if _are_small(axes, sides):
        return at.put("MaxPool", at.x, **strides(axes), pads=pads(sides))
    lowest = float(np.finfo(np.float32).min)
    return at.put("MaxPool", padded(at, at.x, sides, lowest), **strides(axes))


def _average_pool(pool: ops.AveragePool, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    sides = _overhangs(axes, at.spec)
    ends_with_padding = all(w.after == after for w, (_, after) in zip(axes, sides, strict=True))
    is_usual = pool.divisor is None and all(w.dilation == 1 for w in axes)
    if is_usual and _are_small(axes, sides) and (ends_with_padding or not pool.include_padding):
        settings: dict[str, Any] = {"pads": pads(sides)} if any(map(any, sides)) else {}
        if settings and pool.include_padding:
            settings["count_include_pad"] = 1
        return _mean(at, at.x, axes, **settings)
    total = _window_sum(at, at.x, axes, sides)
    return at.put("Div", total, at.constant(_cells(pool, at.spec)))


def _mean(at: NodeWriter, value: str, axes: Sequence[Window], **settings: Any) -> str:
    """The mean of each window; no gaps in it."""
    taps = {k: v for k, v in strides(axes).items() if k != "dilations"}
    return at.put("AveragePool", value, **taps, **settings)


def _window_sum(
    at: NodeWriter, value: str, axes: Sequence[Window], sides: Sequence[tuple[int, int]]
) -> str:
    """The sum of each window: a convolution of each channel with ones."""
    channels = at.spec.channels
    ones = np.ones((channels, 1, *(w.kernel for w in axes)), dtype=np.float32)
    return at.put(
        "Conv", value, at.constant(ones), **strides(axes), pads=pads(sides), group=channels
    )


def _cells(pool: ops.AveragePool, x: Spec) -> Array:
    """What the sum of each window is divided by."""
    cells = np.ones(1)
    for w, n in zip(pool.field(x), x.spatial, strict=True):
        inside = range(-w.before, n + w.after) if pool.include_padding else range(n)
        starts = [w.start(o) for o in range(w.outputs(n))]
        taps = range(0, w.extent, w.dilation)
        along = np.array([sum(start + tap in inside for tap in taps) for start in starts])
        cells = cells[..., None] * along
    return cells if pool.divisor is None else np.full_like(cells, pool.divisor)


def _l2_pool(pool: ops.L2Pool, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    powers = at.put("Pow", at.put("Abs", at.x), at.number(pool.p))
    total = _window_sum(at, powers, axes, _overhangs(axes, at.spec))
    return at.put("Pow", total, at.number(1 / pool.p))


def _stochastic_pool(pool: ops.StochasticPool, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    strength = at.put("Relu", at.x)
    nothing = [(0, 0)] * len(axes)
    total = _window_sum(at, strength, axes, nothing)
    squares = _window_sum(at, at.put("Mul", strength, strength), axes, nothing)
    return at.put("Div", squares, at.put("Max", total, at.number(float(np.finfo(np.float32).tiny))))


def _histogram_pool(pool: ops.HistogramPool, at: NodeWriter) -> str:
    rank = len(at.spec.spatial)
    width = (pool.high - pool.low) / (pool.bins - 1)
    centers = pool.low + width * np.arange(pool.bins).reshape(-1, *[1] * rank)
    inside = at.put("Clip", at.x, at.number(pool.low), at.number(pool.high))
    apart = at.put("Sub", at.put("Unsqueeze", inside, at.whole(2)), at.constant(centers))
    far = at.put("Div", at.put("Abs", apart), at.number(width))
    shares = at.put("Relu", at.put("Sub", at.number(1), far))
    maps = (0, at.spec.channels * pool.bins, *at.spec.spatial)
    return _mean(at, at.put("Reshape", shares, at.whole(*maps)), pool.field(at.spec))


def _subsample(pool: ops.Subsample, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    spread_out = (at.spec.channels, *[1] * len(axes))
    pooled = _mean(at, at.x, axes)
    if not pool.mean:
        pooled = at.put("Mul", pooled, at.number(prod(w.kernel for w in axes)))
    scaled = at.put("Mul", pooled, at.shaped("weight", *spread_out))
    return at.put("Add", scaled, at.shaped("bias", *spread_out))


def _adaptive_average_pool(pool: ops.AdaptiveAveragePool, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    if isinstance(axes, tuple):
        return _mean(at, at.x, axes)
    value = at.x
    for k, (n, spans) in enumerate(
        zip(at.spec.spatial, pool.spans(at.spec.spatial), strict=True), start=2
    ):
        shares = [[(cell in span) / len(span) for cell in range(n)] for span in spans]
        value = at.along(value, k, at.spec.rank + 1, np.array(shares))
    return value


def _adaptive_max_pool(pool: ops.AdaptiveMaxPool, at: NodeWriter) -> str:
    axes = pool.field(at.spec)
    if isinstance(axes, tuple):
        return at.put("MaxPool", at.x, **strides(axes))
    value = at.x
    for k, spans in enumerate(pool.spans(at.spec.spatial), start=2):
        most = max(map(len, spans))
        cells = np.array([[*span, *[span[0]] * (most - len(span))] for span in spans])
        value = at.put("Gather", value, at.constant(cells), axis=k)
        value = at.put("ReduceMax", value, axes=[k + 1], keepdims=0)
    return value


def _batch_norm(bn: ops.BatchNorm, at: NodeWriter) -> str:
    names = ("weight", "bias") if bn.affine else ()
    learned = [at.weight(name) for name in names] or _nothing_learned(at, at.spec.channels)
    statistics = [at.weight(name) for name in ("running_mean", "running_var")]
    return at.put("BatchNormalization", at.x, *learned, *statistics, epsilon=bn.epsilon)


def _nothing_learned(at: NodeWriter, *shape: int) -> list[str]:
    """A weight of ones and a bias of zeros."""
    return [at.constant(np.ones(shape)), at.constant(np.zeros(shape))]


def _local_response_norm(lrn: ops.LocalResponseNorm, at: NodeWriter) -> str:
    settings = {"size": lrn.size, "alpha": lrn.alpha, "beta": lrn.beta, "bias": lrn.k}
    if lrn.size % 2 and at.spec.rank == 3:
        return at.put("LRN", at.x, **settings)
    far = np.subtract.outer(*[np.arange(at.spec.channels)] * 2)
    near = (far <= lrn.size // 2) & (-far <= (lrn.size - 1) // 2)
    squares = at.put("Mul", at.x, at.x)
    damped = at.along(squares, 1, at.spec.rank + 1, near * (lrn.alpha / lrn.size))
    strength = at.put("Add", damped, at.number(lrn.k))
    return at.put("Div", at.x, at.put("Pow", strength, at.number(lrn.beta)))


def _layer_norm(norm: ops.LayerNorm, at: NodeWriter) -> str:
    axes = norm.weighted(at.spec)
    moved, back = at.moved_last(at.x, tuple(k + 1 for k in axes), at.spec.rank + 1)
    learned = (
        [at.weight("weight"), at.weight("bias")]
        if norm.affine
        else _nothing_learned(at, *(at.spec.shape[k] for k in axes))
    )
    return at.turned(
        at.put("LayerNormalization", moved, *learned, axis=-len(axes), epsilon=norm.epsilon),
        back,
    )


def _rms_norm(norm: ops.RMSNorm, at: NodeWriter) -> str:
    axes = norm.weighted(at.spec)
    squares = at.put("Mul", at.x, at.x)
    mean = at.put("ReduceMean", squares, axes=[k + 1 for k in axes], keepdims=1)
    length = at.put("Sqrt", at.put("Add", mean, at.number(norm.epsilon)))
    value = at.put("Div", at.x, length)
    if not norm.affine:
        return value
    spread_out = (n if k in axes else 1 for k, n in enumerate(at.spec.shape))
    return at.put("Mul", value, at.shaped("weight", *spread_out))


def _group_norm(norm: ops.GroupNorm, at: NodeWriter) -> str:
    grouped = at.put("Reshape", at.x, at.whole(0, norm.groups, -1))
    even = _nothing_learned(at, norm.groups)
    flat = at.put("InstanceNormalization", grouped, *even, epsilon=norm.epsilon)
    value = at.put("Reshape", flat, at.whole(0, *at.spec.shape))
    if not norm.affine:
        return value
    spread_out = (at.spec.channels, *[1] * len(at.spec.spatial))
    scaled = at.put("Mul", value, at.shaped("weight", *spread_out))
    return at.put("Add", scaled, at.shaped("bias", *spread_out))


def _instance_norm(norm: ops.InstanceNorm, at: NodeWriter) -> str:
    names = ("weight", "bias") if norm.affine else ()
    learned = [at.weight(name) for name in names] or _nothing_learned(at, at.spec.channels)
    return at.put("InstanceNormalization", at.x, *learned, epsilon=norm.epsilon)


def _l2_norm(norm: ops.L2Norm, at: NodeWriter) -> str:
    length = at.put("ReduceL2", at.x, axes=[at.spec.axis(norm.axis) + 1], keepdims=1)
    return at.put("Div", at.x, at.put("Max", length, at.number(norm.epsilon)))


ROWS: Mapping[type[Operator], WriterRow] = {
    ops.Conv: _conv,
    ops.TransposedConv: _transposed_conv,
    ops.Dense: _dense,
    ops.MaxPool: _max_pool,
    ops.AveragePool: _average_pool,
    ops.GlobalAveragePool: lambda op, at: at.put("GlobalAveragePool", at.x),
    ops.AdaptiveAveragePool: _adaptive_average_pool,
    ops.AdaptiveMaxPool: _adaptive_max_pool,
    ops.L2Pool: _l2_pool,
    ops.StochasticPool: _stochastic_pool,
    ops.HistogramPool: _histogram_pool,
    ops.Subsample: _subsample,
    ops.BatchNorm: _batch_norm,
    ops.LocalResponseNorm: _local_response_norm,
    ops.LayerNorm: _layer_norm,
    ops.RMSNorm: _rms_norm,
    ops.GroupNorm: _group_norm,
    ops.InstanceNorm: _instance_norm,
    ops.L2Norm: _l2_norm,
    ops.Dropout: lambda op, at: at.put("Identity", at.x),
}
