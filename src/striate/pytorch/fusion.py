"""Which chains of a lowered network run as one fused kernel, and when they do not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from striate.fused.conv_pool import available, conv_pool, supports
from striate.fused.layer import Activation, Pool
from striate.graph import Graph, Node, Operator, Spec
from striate.ops import AveragePool, Conv, Flatten, MaxPool, ReLU, Sigmoid, Tanh
from striate.pytorch.patterns import Call, Pattern

ACTIVATIONS: dict[type[Operator], tuple[Activation, type[nn.Module]]] = {
    ReLU: ("relu", nn.ReLU),
    Sigmoid: ("sigmoid", nn.Sigmoid),
    Tanh: ("tanh", nn.Tanh),
}

KERNELS = range(3, 6)
MOST_CHANNELS = 128
"""Kernel sizes and channels for which the fused kernel was measured to be faster."""


def _conv_pool(graph: Graph, nodes: Sequence[Node]) -> Call | None:
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
    if isinstance(x, Tensor) and isinstance(conv, nn.Conv2d) and _runs(conv, others, x, pool):
        padding = conv.padding
        return conv_pool(
            x,
            conv.weight,
            conv.bias,
            (padding[0], padding[1]),  # type: ignore[arg-type]
            activation,
            pool,
            channels_last,
        )
    for module in (conv, *others):
        x = module(x)  # type: ignore[operator]
    return x  # type: ignore[return-value]


def _runs(conv: nn.Conv2d, others: Sequence[object], x: Tensor, pool: Pool) -> bool:
    """Whether the kernel still stands for these modules, and for this tensor.

    An exported program holds PyTorch's own operators, so that it runs without Striate.
    """
    if torch.compiler.is_exporting() or not all(_is_itself(each) for each in (conv, *others)):
        return False
    usual = (conv.stride, conv.dilation, conv.groups) == ((1, 1), (1, 1), 1)
    large = min(x.shape[2:]) > LEAST_SIZE
    return usual and large and supports(x, conv.weight, conv.bias) and available(pool)


LEAST_WORK = 2e12
"""Multiply-adds below which building and trying kernels takes longer than they save."""


def pays(graph: Graph, pictures: int, *, training: bool) -> bool:
    """Whether so many pictures are enough work for fused kernels to be built for them."""
    each = sum(node.operator.cost(*graph.input_specs(node)).multiply_adds for node in graph)
    return each * pictures * (3 if training else 1) >= LEAST_WORK


LEAST_SIZE = 6
"""Maps up to this size, where a kernel may leave too little to pool, are left to PyTorch."""

_LOWERED = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, *(kind for _, kind in ACTIVATIONS.values()))


def _is_itself(module: object) -> bool:
    """Whether nobody has replaced the module or listens to it."""
    return type(module) in _LOWERED and not (
        module._forward_hooks  # type: ignore[attr-defined]
        or module._forward_pre_hooks  # type: ignore[attr-defined]
        or module._backward_hooks  # type: ignore[attr-defined]
        or module._backward_pre_hooks  # type: ignore[attr-defined]
    )


def _first(nodes: Sequence[Node], *kinds: type[Operator]) -> Node:
    return next(node for node in nodes if isinstance(node.operator, kinds))


def _is_plain_conv(node: Node, x: Spec) -> bool:
    conv = node.operator
    if not isinstance(conv, Conv) or x.rank != 3:
        return False
    usual = (conv.stride, conv.dilation, conv.groups, conv.table) == (1, 1, 1, None)
    return usual and all(w.kernel in KERNELS and w.before == w.after for w in conv.field(x))


def _is_plain_pool(node: Node) -> bool:
    return node.operator in (MaxPool(2), AveragePool(2), AveragePool(2, include_padding=False))


PATTERNS: tuple[Pattern, ...] = (
    *(Pattern((Conv, MaxPool, kind), _conv_pool) for kind in ACTIVATIONS),
    *(Pattern((Conv, kind, AveragePool), _conv_pool) for kind in ACTIVATIONS),
    Pattern((Conv, MaxPool), _conv_pool),
    Pattern((Conv, AveragePool), _conv_pool),
)
"""Tried in order at every node; the first that fits is taken. Activations already stand behind
max-pooling: see `striate.pytorch.fast.reordered`."""
