"""The one table from operators to PyTorch modules.

An operator's function takes its settings and the specs of its inputs and returns a `Recipe`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from torch import nn

from striate.errors import GraphError
from striate.graph import Graph, Node, Operator, Spec, Window
from striate.graph.window import spread, windows
from striate.ops import (
    ELU,
    GELU,
    RBF,
    AdaptiveAveragePool,
    AdaptiveMaxPool,
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Cosine,
    Dense,
    Divide,
    Dropout,
    Flatten,
    GlobalAveragePool,
    GroupNorm,
    HardSigmoid,
    HardSwish,
    HistogramPool,
    Input,
    L2Pool,
    LayerNorm,
    LeakyReLU,
    LocalResponseNorm,
    Maxout,
    MaxPool,
    Multiply,
    NoisyReLU,
    PReLU,
    ReLU,
    ReLU6,
    ScaledTanh,
    Sigmoid,
    SiLU,
    Sine,
    Softmax,
    StochasticPool,
    Subsample,
    Tanh,
    TransposedConv,
)
from striate.ops.convolution.wiring import TABLES
from striate.ops.output.bitmaps import DIGITS
from striate.pytorch import arranging, layers, pools, transposed
from striate.pytorch.recipe import Recipe

Maker: TypeAlias = Callable[[Any, tuple[Spec, ...]], Recipe]


def recipe(graph: Graph, node: Node) -> Recipe:
    """How the module of `node` is made.

    Raises:
        GraphError: PyTorch has no module for it: a loss, an input, or three spatial axes.
    """
    try:
        maker = MODULES[type(node.operator)]
    except KeyError:
        kind = type(node.operator).__name__
        raise GraphError(f"{node.name} ({kind}) has no PyTorch module") from None
    return maker(node.operator, graph.input_specs(node))


def _conv(conv: Conv, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    axes = conv.field(x)
    if conv.table is not None:
        return _table_conv(conv, axes)
    settings = _unless({"stride": 1, "dilation": 1}, _window_settings(axes))
    settings |= _unless({"groups": 1, "bias": True}, {"groups": conv.groups, "bias": conv.bias})
    arguments = (x.channels, conv.out_channels, _short(w.kernel for w in axes))
    if all(w.before == w.after for w in axes):
        settings |= _unless({"padding": 0}, {"padding": _short(w.before for w in axes)})
        return Recipe(_by_rank(x, nn.Conv1d, nn.Conv2d), arguments, settings)
    settings["sides"] = _sides([(w.before, w.after) for w in axes])
    return Recipe(_by_rank(x, layers.PaddedConv1d, layers.PaddedConv2d), arguments, settings)


def _table_conv(conv: Conv, axes: tuple[Window, ...]) -> Recipe:
    table = TABLES[conv.table] if isinstance(conv.table, str) else conv.table
    taps = tuple(tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride", "dilation"))
    sides = _sides([(w.before, w.after) for w in axes])
    return Recipe(
        layers.TableConv, (table, *taps, sides), _unless({"bias": True}, {"bias": conv.bias})
    )


def _l2_pool(pool: L2Pool, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    axes = pool.field(x)
    taps = (tuple(w.kernel for w in axes), tuple(w.stride for w in axes))
    overhangs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    return Recipe(pools.L2Pool, (*taps, _sides(overhangs)))


def _stochastic_pool(pool: StochasticPool, inputs: tuple[Spec, ...]) -> Recipe:
    axes = pool.field(*inputs)
    taps = (tuple(w.kernel for w in axes), tuple(w.stride for w in axes))
    return Recipe(pools.StochasticPool, taps)


def _adaptive_average_pool(pool: AdaptiveAveragePool, inputs: tuple[Spec, ...]) -> Recipe:
    kind = _by_rank(inputs[0], nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)
    return Recipe(kind, (pool.size,))


def _adaptive_max_pool(pool: AdaptiveMaxPool, inputs: tuple[Spec, ...]) -> Recipe:
    kind = _by_rank(inputs[0], nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d)
    return Recipe(kind, (pool.size,))


def _transposed_conv(conv: TransposedConv, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    kernel, stride, dilation, behind = (
        spread(name, getattr(conv, name), len(x.spatial))
        for name in ("kernel", "stride", "dilation", "output_padding")
    )
    axes = windows(len(x.spatial), kernel, stride, conv.padding, dilation)
    settings = _unless({"stride": 1, "dilation": 1}, _window_settings(axes))
    settings |= _unless({"groups": 1, "bias": True}, {"groups": conv.groups, "bias": conv.bias})
    arguments = (x.channels, conv.out_channels, _short(kernel))
    if all(w.before == w.after for w in axes):
        usual = {"padding": 0, "output_padding": 0}
        cut = {"padding": _short(w.before for w in axes), "output_padding": _short(behind)}
        settings |= _unless(usual, cut)
        return Recipe(_by_rank(x, nn.ConvTranspose1d, nn.ConvTranspose2d), arguments, settings)
    ends = [(-w.before, more - w.after) for w, more in zip(axes, behind, strict=True)]
    settings["sides"] = _sides(ends)
    kind = _by_rank(x, transposed.CutConvTranspose1d, transposed.CutConvTranspose2d)
    return Recipe(kind, arguments, settings)


def _subsample(pool: Subsample, inputs: tuple[Spec, ...]) -> Recipe:
    axes = pool.field(*inputs)
    taps = tuple(tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride"))
    return Recipe(layers.Subsample, (inputs[0].channels, *taps, pool.mean))


def _rbf(rbf: RBF, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(layers.RBF, (tuple("".join(d.split()) for d in DIGITS[: rbf.units]),))


def _dense(dense: Dense, inputs: tuple[Spec, ...]) -> Recipe:
    settings = _unless({"bias": True}, {"bias": dense.bias})
    return Recipe(nn.Linear, (inputs[0].size, dense.out_features), settings)


def _max_pool(pool: MaxPool, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    axes = pool.field(x)
    kernel = _short(w.kernel for w in axes)
    settings = _unless({"stride": kernel, "dilation": 1}, _window_settings(axes))
    if all(w.before == w.after and 2 * w.before <= w.kernel for w in axes):
        settings |= _unless({"padding": 0}, {"padding": _short(w.before for w in axes)})
        settings |= _unless({"ceil_mode": False}, {"ceil_mode": pool.ceil})
        return Recipe(_by_rank(x, nn.MaxPool1d, nn.MaxPool2d), (kernel,), settings)
    # The overhang of a last, partly empty window is padded too, in place of ceil_mode: PyTorch
    # decides by a padded size whether that window exists, we by the size without.
    overhangs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    settings["sides"] = _sides(overhangs)
    return Recipe(_by_rank(x, layers.PaddedMaxPool1d, layers.PaddedMaxPool2d), (kernel,), settings)


def _average_pool(pool: AveragePool, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    axes = pool.field(x)
    kernel = _short(w.kernel for w in axes)
    settings = _unless({"stride": kernel}, {"stride": _short(w.stride for w in axes)})
    if all(w.before == w.after and 2 * w.before <= w.kernel for w in axes):
        settings |= _unless({"padding": 0}, {"padding": _short(w.before for w in axes)})
        settings |= _unless({"ceil_mode": False}, {"ceil_mode": pool.ceil})
        if settings.keys() & {"padding", "ceil_mode"} and not pool.include_padding:
            settings["count_include_pad"] = False
        return Recipe(_by_rank(x, nn.AvgPool1d, nn.AvgPool2d), (kernel,), settings)
    overhangs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    settings |= {"sides": _sides(overhangs), "cells": _cells(pool, x)}
    return Recipe(_by_rank(x, layers.SharedAvgPool1d, layers.SharedAvgPool2d), (kernel,), settings)


def _cells(pool: AveragePool, x: Spec) -> list[Any]:
    """How many cells the mean of each window divides by, by output position."""
    by_axis = []
    for window, size in zip(pool.field(x), x.spatial, strict=True):
        include = pool.include_padding
        first, end = (-window.before, size + window.after) if include else (0, size)
        starts = [window.start(o) for o in range(window.outputs(size))]
        by_axis.append([min(s + window.kernel, end) - max(s, first) for s in starts])
    if len(by_axis) == 1:
        return by_axis[0]
    return [[row * column for column in by_axis[1]] for row in by_axis[0]]


def _batch_norm(bn: BatchNorm, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    kind = nn.BatchNorm1d if x.rank < 3 else nn.BatchNorm2d
    given = {"eps": bn.epsilon, "momentum": bn.momentum}
    return Recipe(kind, (x.channels,), _unless({"eps": 1e-5, "momentum": 0.1}, given))


def _dropout(dropout: Dropout, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(nn.Dropout, (dropout.rate,))


def _softmax(softmax: Softmax, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(nn.Softmax, (), {"dim": 1})


def _scaled_tanh(tanh: ScaledTanh, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(layers.ScaledTanh, (tanh.amplitude, tanh.slope))


def _global_average_pool(pool: GlobalAveragePool, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(_by_rank(inputs[0], nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), (1,))


def _local_response_norm(lrn: LocalResponseNorm, inputs: tuple[Spec, ...]) -> Recipe:
    given = {"alpha": lrn.alpha, "beta": lrn.beta, "k": lrn.k}
    usual = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
    return Recipe(nn.LocalResponseNorm, (lrn.size,), _unless(usual, given))


def _leaky_relu(relu: LeakyReLU, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(nn.LeakyReLU, (relu.slope,))


def _elu(elu: ELU, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(nn.ELU, (), _unless({"alpha": 1.0}, {"alpha": elu.alpha}))


def _gelu(gelu: GELU, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(nn.GELU, (), {"approximate": "tanh"} if gelu.approximate else {})


def _prelu(prelu: PReLU, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(nn.PReLU, () if prelu.shared else (inputs[0].channels,))


def _noisy_relu(relu: NoisyReLU, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(layers.NoisyReLU, (relu.sigma,))


def _maxout(maxout: Maxout, inputs: tuple[Spec, ...]) -> Recipe:
    return Recipe(layers.Maxout, (maxout.pieces,))


def _layer_norm(norm: LayerNorm, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    settings = _unless({"eps": 1e-5}, {"eps": norm.epsilon})
    if norm.over == "channels" and x.rank > 1:
        return Recipe(layers.ChannelNorm, (x.channels,), settings)
    return Recipe(nn.LayerNorm, (x.shape[0] if x.rank == 1 else x.shape,), settings)


def _group_norm(norm: GroupNorm, inputs: tuple[Spec, ...]) -> Recipe:
    settings = _unless({"eps": 1e-5}, {"eps": norm.epsilon})
    return Recipe(nn.GroupNorm, (norm.groups, inputs[0].channels), settings)


def _histogram_pool(pool: HistogramPool, inputs: tuple[Spec, ...]) -> Recipe:
    axes = pool.field(*inputs)
    settings = _unless({"stride": _short(w.kernel for w in axes)}, _strides(axes))
    settings |= {"bins": pool.bins, "low": pool.low, "high": pool.high}
    kinds = layers.HistogramPool1d, layers.HistogramPool2d
    return Recipe(_by_rank(inputs[0], *kinds), (_short(w.kernel for w in axes),), settings)


def _strides(axes: tuple[Window, ...]) -> dict[str, Any]:
    return {"stride": _short(w.stride for w in axes)}


def _plain(kind: type[nn.Module]) -> Maker:
    """An operator without settings."""
    return lambda operator, inputs: Recipe(kind)


MODULES: Mapping[type[Operator], Maker] = {
    Conv: _conv,
    TransposedConv: _transposed_conv,
    Dense: _dense,
    Flatten: _plain(nn.Flatten),
    MaxPool: _max_pool,
    AveragePool: _average_pool,
    HistogramPool: _histogram_pool,
    GlobalAveragePool: _global_average_pool,
    AdaptiveAveragePool: _adaptive_average_pool,
    AdaptiveMaxPool: _adaptive_max_pool,
    L2Pool: _l2_pool,
    StochasticPool: _stochastic_pool,
    Subsample: _subsample,
    ReLU: _plain(nn.ReLU),
    ReLU6: _plain(nn.ReLU6),
    LeakyReLU: _leaky_relu,
    PReLU: _prelu,
    NoisyReLU: _noisy_relu,
    ELU: _elu,
    GELU: _gelu,
    SiLU: _plain(nn.SiLU),
    HardSigmoid: _plain(layers.ExactHardsigmoid),
    HardSwish: _plain(nn.Hardswish),
    Maxout: _maxout,
    Sigmoid: _plain(nn.Sigmoid),
    Tanh: _plain(nn.Tanh),
    ScaledTanh: _scaled_tanh,
    Sine: _plain(layers.Sine),
    Cosine: _plain(layers.Cosine),
    Softmax: _softmax,
    RBF: _rbf,
    BatchNorm: _batch_norm,
    LocalResponseNorm: _local_response_norm,
    LayerNorm: _layer_norm,
    GroupNorm: _group_norm,
    Dropout: _dropout,
    Add: _plain(layers.Add),
    Multiply: _plain(layers.Multiply),
    Divide: _plain(layers.Divide),
    **arranging.ROWS,
}
"""Every operator that computes something between the input and the loss."""

ABSENT: Mapping[type[Operator], str] = {
    Input: "what a network is called with needs no module",
}
"""Operators without a line, and why. Losses stand in `striate.pytorch.losses`."""


def _by_rank(x: Spec, *kinds: type[nn.Module]) -> type[nn.Module]:
    rank = len(x.spatial)
    if rank > len(kinds):
        raise GraphError(f"{kinds[-1].__name__} does not reach over the {rank} axes of {x}")
    return kinds[rank - 1]


def _window_settings(axes: tuple[Window, ...]) -> dict[str, Any]:
    return {
        "stride": _short(w.stride for w in axes),
        "dilation": _short(w.dilation for w in axes),
    }


def _unless(usual: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from PyTorch's defaults."""
    return {name: value for name, value in settings.items() if value != usual[name]}


def _short(numbers: Any) -> int | tuple[int, ...]:
    sizes = tuple(numbers)
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _sides(pairs: list[tuple[int, int]]) -> tuple[int, ...]:
    """(before, after) an axis, flattened from the last axis to the first, as F.pad takes them."""
    return tuple(side for pair in reversed(pairs) for side in pair)
