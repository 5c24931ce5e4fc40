"""Which chains of a lowered network run as one fused kernel, and when they do not.

Every kernel is asked for with `measured=True`: where PyTorch is as fast for these shapes on this
machine, PyTorch runs. See `striate.fused.choose`.
"""

from __future__ import annotations

import os
from collections.abc import Container, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from striate.engine import normalized
from striate.engine.fast import reordered
from striate.engine.originals import are_original
from striate.engine.patterns import Pattern, units
from striate.fused import batch_norm, winograd
from striate.fused.conv_pool import available, conv_pool, supports
from striate.fused.dense import dense
from striate.fused.layer import Activation, Pool, plain_world
from striate.graph import Graph, Node, Operator, Spec, Window
from striate.ops import (
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    MaxPool,
    ReLU,
    Sigmoid,
    Tanh,
)
from striate.pytorch.plan import Call

ACTIVATIONS: dict[type[Operator], tuple[Activation, type[nn.Module]]] = {
    ReLU: ("relu", nn.ReLU),
    Sigmoid: ("sigmoid", nn.Sigmoid),
    Tanh: ("tanh", nn.Tanh),
}

KERNELS = range(3, 6)
MOST_CHANNELS = 128
"""Kernel sizes and channels for which the fused kernel was measured to be faster."""


def conv_pool_call(graph: Graph, nodes: Sequence[Node]) -> Call | None:
    """Convolution, 2x2 pooling and activation, in the order the pool's kind asks for."""
    conv, pool = nodes[0], _first(nodes, MaxPool, AveragePool)
    (x,) = graph.input_specs(nodes[0])
    if not _is_plain_conv(conv, x) or not _is_plain_pool(pool):
        return None
    if max(x.channels, graph.specs[conv.name].channels) > MOST_CHANNELS:
        return None
    activation: Activation = "identity"
    for node in nodes:
        activation, _ = ACTIVATIONS.get(type(node.operator), (activation, None))
    readers = [graph[name].operator for name in graph.consumers[nodes[-1].name]]
    last = not any(isinstance(reader, Flatten) for reader in readers)
    kind: Pool = "max" if isinstance(pool.operator, MaxPool) else "avg"
    return partial(_run, activation=activation, pool=kind, channels_last=last)


def _run(
    conv: nn.Module,
    *more: nn.Module | Tensor,
    activation: Activation,
    pool: Pool,
    channels_last: bool,
) -> Tensor:
    *others, x = more
    original = are_original((conv, *others), activation, pool)
    if original and isinstance(x, Tensor) and isinstance(conv, nn.Conv2d) and _runs(conv, x, pool):
        padding = conv.padding
        return conv_pool(
            x,
            conv.weight,
            conv.bias,
            (padding[0], padding[1]),  # type: ignore[arg-type]
            activation,
            pool,
            channels_last,
            True,
            may_be_winograd(conv),
        )
    return one_by_one(conv, *more)


def one_by_one(*given: nn.Module | Tensor) -> Tensor:
    """The value of some modules, one after the other."""
    *modules, x = given
    for module in modules:
        x = module(x)  # type: ignore[operator]
    return x  # type: ignore[return-value]


def _runs(conv: nn.Conv2d, x: Tensor, pool: Pool) -> bool:
    """Whether the kernel still stands for these modules, and for this tensor.

    An exported program holds PyTorch's own operators, so that it runs without Striate.
    """
    exporting = torch.compiler.is_exporting()
    large = min(x.shape[2:]) > LEAST_SIZE
    return not exporting and large and supports(x, conv.weight, conv.bias) and available(pool)


LEAST_WEIGHTS = 4096
"""Dense layers with fewer weights take no time worth saving."""


def dense_call(graph: Graph, nodes: Sequence[Node]) -> Call | None:
    """Dense layer, and the activation behind it."""
    (x,) = graph.input_specs(nodes[0])
    if x.size * graph.specs[nodes[0].name].size < LEAST_WEIGHTS:
        return None
    activation: Activation = "identity"
    if type(nodes[-1].operator) in ACTIVATIONS:
        activation, _ = ACTIVATIONS[type(nodes[-1].operator)]
    return partial(_run_dense, activation=activation)


def _run_dense(fc: nn.Module, *more: nn.Module | Tensor, activation: Activation) -> Tensor:
    *others, x = more
    fits = isinstance(x, Tensor) and x.ndim == 2 and are_original((fc, *others), activation)
    if not fits or _is_traced():
        return one_by_one(fc, *more)
    return dense(x, fc.weight, fc.bias, activation, measured=True)  # type: ignore[arg-type]


SMALLEST_MAP = 2
"""Rows or columns from which on Winograd is tried: at 2x2 a tile has 36 products, as the direct
form has, and took half as long as PyTorch's."""


def _winograd(graph: Graph, nodes: Sequence[Node]) -> Call | None:
    """3x3 convolution with stride 1, and the ReLU behind it."""
    (x,) = graph.input_specs(nodes[0])
    if not _is_plain_conv(nodes[0], x, kernels=(3,)):
        return None
    if min(x.channels, graph.specs[nodes[0].name].channels) < winograd.FEWEST_CHANNELS:
        return None
    return partial(_run_winograd, relu=len(nodes) > 1)


def _run_winograd(conv: nn.Module, *more: nn.Module | Tensor, relu: bool) -> Tensor:
    *others, x = more
    if (
        not isinstance(x, Tensor)
        or not isinstance(conv, nn.Conv2d)
        or not are_original((conv, *others), "relu")
        or not may_be_winograd(conv)
        or not plain_world(x, conv.weight, conv.bias)
        or _is_traced()
        or min(x.shape[2:]) < SMALLEST_MAP
        or not winograd.supports(x, conv.weight, conv.stride, conv.dilation, conv.groups)  # type: ignore[arg-type]
    ):
        return one_by_one(conv, *more)
    padding: tuple[int, int] = conv.padding  # type: ignore[assignment]
    kind: winograd.Activation = "relu" if relu else "none"
    return winograd.conv3x3(x, conv.weight, conv.bias, padding, kind, measured=True)


def may_be_winograd(module: nn.Module) -> bool:
    """Whether a convolution may be: everywhere, unless `STRIATE_WINOGRAD=inference` keeps it out of
    training.

    Its rounding error is several times that of PyTorch's float32. ResNet-18 trained with it ends
    where it ends without: `benchmarks/winograd_convergence.py`.
    """
    inference = not module.training and not torch.is_grad_enabled()
    return inference or os.environ.get("STRIATE_WINOGRAD") != "inference"


def _is_traced() -> bool:
    """Whether a program is being written down, which is to hold PyTorch's operators."""
    return torch.compiler.is_exporting() or torch.compiler.is_compiling()


LEAST_WORK = 5e11
"""Multiply-adds below which building and trying kernels takes longer than they save."""


def pays(graph: Graph, pictures: int, *, training: bool) -> bool:
    """Whether so many pictures are enough work for fused kernels to be built for them."""
    return graph.multiply_adds * pictures * (3 if training else 1) >= LEAST_WORK


LEAST_SIZE = 6
"""Maps up to this size, where a kernel may leave too little to pool, are left to PyTorch."""


def _first(nodes: Sequence[Node], *kinds: type[Operator]) -> Node:
    return next(node for node in nodes if isinstance(node.operator, kinds))


def _is_plain_conv(node: Node, x: Spec, kernels: Container[int] = KERNELS) -> bool:
    conv = node.operator
    if not isinstance(conv, Conv) or x.rank != 3:
        return False
    usual = (conv.stride, conv.dilation, conv.groups, conv.table) == (1, 1, 1, None)
    return usual and all(w.kernel in kernels and w.before == w.after for w in conv.field(x))


def _is_plain_pool(node: Node) -> bool:
    return node.operator in (MaxPool(2), AveragePool(2), AveragePool(2, include_padding=False))


PATTERNS: tuple[Pattern, ...] = (
    *(Pattern((Conv, MaxPool, kind), conv_pool_call) for kind in ACTIVATIONS),
    *(Pattern((Conv, kind, AveragePool), conv_pool_call) for kind in ACTIVATIONS),
    Pattern((Conv, MaxPool), conv_pool_call),
    Pattern((Conv, AveragePool), conv_pool_call),
    Pattern((Conv, ReLU), _winograd),
    Pattern((Conv,), _winograd),
    *(Pattern((Dense, kind), dense_call) for kind in ACTIVATIONS),
    Pattern((Dense,), dense_call),
    *normalized.PATTERNS,
)
"""Tried in order at every node; the first that fits is taken. Activations already stand behind
max-pooling: see `striate.engine.fast.reordered`."""


class Chain(NamedTuple):
    """Nodes that one kernel may compute; `layer` begins what `choose.choices()` says of it,
    the batch left out: `{}`."""

    kernel: str
    nodes: tuple[str, ...]
    layer: str


def chains(graph: Graph) -> list[Chain]:
    """Which chains of a network may run as which kernel, in order; nothing is built for it."""
    graph = reordered(graph)
    exits = [graph.scores.name, *(each.node for each in graph.auxiliary)]
    found = []
    for unit in units(graph, list(graph), PATTERNS, exits):
        if isinstance(unit.call, partial):
            names = tuple(node.name for node in unit.nodes)
            found.append(Chain(KERNEL_NAMES[unit.call.func], names, _layer(graph, unit.nodes)))
    return found


KERNEL_NAMES = {
    _run: "convolution and pool",
    _run_dense: "dense",
    _run_winograd: "Winograd convolution",
    normalized.run: "batch normalization",
    normalized.run_pooled: "batch normalization",
    normalized.run_sum: "batch normalization",
}


def _layer(graph: Graph, nodes: Sequence[Node]) -> str:
    (x,) = graph.input_specs(nodes[0])
    y = graph.specs[nodes[0].name]
    kinds = [
        ACTIVATIONS[kind][0] for kind in (type(n.operator) for n in nodes) if kind in ACTIVATIONS
    ]
    activation = kinds[0] if kinds else "identity"
    if isinstance(nodes[0].operator, BatchNorm):
        adds = any(isinstance(node.operator, Add) for node in nodes)
        return batch_norm.described(("{}", *x.shape), adds)
    if isinstance(nodes[0].operator, Dense):
        return f"dense {{}}x{x.size} by {y.size}x{x.size}, {activation}, "
    windows = _windows(nodes[0], x)
    kernel = "x".join(str(each.kernel) for each in windows)
    padding = "x".join(str(each.before) for each in windows)
    maps = "x".join(map(str, x.shape))
    pools = [n.operator for n in nodes if isinstance(n.operator, MaxPool | AveragePool)]
    pool = "" if not pools else "max-pool of " if isinstance(pools[0], MaxPool) else "avg-pool of "
    sizes = f"{maps} by {y.channels}x{x.channels}x{kernel}"
    return f"{pool}conv {{}}x{sizes}, pad {padding}, {activation}, "


def _windows(node: Node, x: Spec) -> tuple[Window, ...]:
    conv = node.operator
    return tuple(conv.field(x)) if isinstance(conv, Conv) else ()
