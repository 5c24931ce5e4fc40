"""What of a network one compiled call may compute: a layer, or a few nodes that a kernel joins.

A segment is found once, when a network is lowered, and says in fields what a choice depends on.
Every kernel is asked for with `measured=True`: where PyTorch is as fast for these shapes on this
machine, PyTorch runs (`striate.fused.choose`). `striate.engine.layered` joins segments further.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from striate.engine.patterns import Pattern
from striate.fused import batch_norm, winograd
from striate.fused.choose import Kernel
from striate.fused.conv_pool import conv_pool
from striate.fused.dense import dense
from striate.fused.layer import Activation, LayerKind, LayerShape, Pool
from striate.graph import Graph, Node, Operator, Spec
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

ACTIVATIONS: dict[type[Operator], Activation] = {ReLU: "relu", Sigmoid: "sigmoid", Tanh: "tanh"}
KERNELS = range(3, 6)
MOST_CHANNELS = 128
"""Kernel sizes and channels for which convolution and pool were measured to be faster."""
LEAST_WEIGHTS = 4096
"""Dense layers with fewer weights take no time worth saving."""
SMALLEST_MAP = 2
"""Rows or columns from which on Winograd is tried: at 2x2 a tile has 36 products, as the direct
form has, and took half as long as PyTorch's."""
SMALLEST_POOLED = 6
"""Maps up to this size, where a kernel may leave too little to pool, are left to PyTorch."""

Bound = Callable[..., Tensor]
"""Computes nodes from what the first reads, then what the others read beside."""


@dataclass(frozen=True)
class Segment(ABC):
    """Nodes that one compiled call may compute.

    Args:
        nodes: their names, in order.
        layers: as a choice depends on them, for pictures of the graph's size.
    """

    kernel: ClassVar[Kernel]
    nodes: tuple[str, ...]
    layers: tuple[LayerShape, ...]

    @abstractmethod
    def bind(self, modules: Sequence[nn.Module]) -> Bound:
        """What computes the nodes with the weights of their modules.

        It holds as long as the guard sees no change in these modules.
        """

    def __call__(self, *given: Any) -> Tensor:
        """The value of the last node, from the modules and what is read."""
        modules = [each for each in given if isinstance(each, nn.Module)]
        return self.bind(modules)(*given[len(modules) :])


def one_by_one(modules: Sequence[nn.Module], x: Tensor) -> Tensor:
    """The value of some modules, one after the other."""
    for module in modules:
        x = module(x)
    return x


@dataclass(frozen=True)
class ConvPoolSegment(Segment):
    """Convolution, 2x2 pool and activation, in the order that the pool's kind asks for.

    Args:
        channels_last: layout of the answer.
    """

    kernel = "convolution and pool"
    channels_last: bool = True

    def bind(self, modules: Sequence[nn.Module]) -> Bound:
        (layer,) = self.layers
        pool: Pool = "max" if layer.kind == "max" else "avg"
        return partial(self._run, modules, pool)

    def _run(self, modules: Sequence[Any], pool: Pool, x: Tensor) -> Tensor:
        (layer,), conv = self.layers, modules[0]
        if min(x.shape[2:]) <= SMALLEST_POOLED:
            return one_by_one(modules, x)
        more = layer.activation, pool, self.channels_last, True, may_be_winograd(conv)
        return conv_pool(x, conv.weight, conv.bias, layer.padding, *more)


@dataclass(frozen=True)
class DenseSegment(Segment):
    """Dense layer, and the activation behind it."""

    kernel = "dense"

    def bind(self, modules: Sequence[nn.Module]) -> Bound:
        return partial(self._run, modules)

    def _run(self, modules: Sequence[Any], x: Tensor) -> Tensor:
        if x.ndim != 2:
            return one_by_one(modules, x)
        weight, bias = modules[0].weight, modules[0].bias
        return dense(x, weight, bias, self.layers[0].activation, measured=True)


@dataclass(frozen=True)
class WinogradSegment(Segment):
    """3x3 convolution with stride 1, and the ReLU behind it."""

    kernel = "Winograd convolution"

    def bind(self, modules: Sequence[nn.Module]) -> Bound:
        return partial(self._run, modules)

    def _run(self, modules: Sequence[Any], x: Tensor) -> Tensor:
        (layer,), conv = self.layers, modules[0]
        if not may_be_winograd(conv) or min(x.shape[2:]) < SMALLEST_MAP:
            return one_by_one(modules, x)
        relu = layer.activation == "relu"
        return winograd.conv3x3(x, conv.weight, conv.bias, layer.padding, relu, measured=True)


@dataclass(frozen=True)
class BatchNormSegment(Segment):
    """Batch normalization that learns from its batch, perhaps a sum or max-pooling, and ReLU.

    Args:
        pools: whether max-pooling comes in between; the kernel's ReLU comes before it.
        second: whether the normalization is what is added last.
    """

    kernel = "batch normalization"
    pools: bool = False
    second: bool = False

    def bind(self, modules: Sequence[nn.Module]) -> Bound:
        return partial(self._run, modules)

    def _run(self, modules: Sequence[Any], x: Tensor, *more: Tensor) -> Tensor:
        (bn, *between, relu), adds = modules, self.layers[0].adds
        if not _learns_from_batches(bn) or not _runs(bn, x, *more):
            normal = bn(x)
            if adds:
                normal = between[0](*((more[0], normal) if self.second else (normal, more[0])))
            return one_by_one([*between, relu] if self.pools else [relu], normal)
        y, statistics = batch_norm.batch_norm(x, bn.weight, bn.bias, bn.eps, *more)
        _remember(bn, statistics)
        return one_by_one(between, y) if self.pools else y


def _learns_from_batches(bn: Any) -> bool:
    needed = (bn.weight, bn.bias, bn.running_mean, bn.running_var, bn.num_batches_tracked)
    return bn.training and bn.momentum is not None and not any(t is None for t in needed)


def _runs(bn: Any, x: Tensor, *more: Tensor) -> bool:
    fits = batch_norm.supports(x, bn.weight, bn.bias, *more) and batch_norm.available()
    return fits and batch_norm.is_chosen(x, bool(more))


def _remember(bn: Any, statistics: Tensor) -> None:
    """As `nn.BatchNorm2d` does in a training step."""
    mean, _, variance = statistics
    bn.num_batches_tracked.add_(1)
    for running, now in ((bn.running_mean, mean), (bn.running_var, variance)):
        running.mul_(1 - bn.momentum).add_(now, alpha=bn.momentum)


def may_be_winograd(module: nn.Module) -> bool:
    """Whether a convolution may be: everywhere, unless `STRIATE_WINOGRAD=inference` keeps it out of
    training.

    Its rounding error is several times that of PyTorch's float32. ResNet-18 trained with it ends
    where it ends without: `benchmarks/winograd_convergence.py`.
    """
    inference = not module.training and not torch.is_grad_enabled()
    return inference or os.environ.get("STRIATE_WINOGRAD") != "inference"


# ---- finding them


def conv_pool_segment(graph: Graph, nodes: Sequence[Node]) -> ConvPoolSegment | None:
    """The segment of a convolution, a pool and perhaps an activation; None for other kinds."""
    pool = next(node for node in nodes if isinstance(node.operator, MaxPool | AveragePool))
    (x,) = graph.input_specs(nodes[0])
    usual = (MaxPool(2), AveragePool(2), AveragePool(2, include_padding=False))
    if not is_usual_conv(nodes[0], x) or pool.operator not in usual:
        return None
    if max(x.channels, graph.specs[nodes[0].name].channels) > MOST_CHANNELS:
        return None
    kind: Pool = "max" if isinstance(pool.operator, MaxPool) else "avg"
    readers = [graph[name].operator for name in graph.consumers[nodes[-1].name]]
    last = not any(isinstance(reader, Flatten) for reader in readers)
    return ConvPoolSegment(names(nodes), (layer_shape(graph, nodes, kind),), last)


def dense_segment(graph: Graph, nodes: Sequence[Node]) -> DenseSegment | None:
    """The segment of a dense layer and perhaps an activation; None for a small one, or one that
    works at several places."""
    if graph.input_specs(nodes[0])[0].rank > 1:
        return None
    layer = layer_shape(graph, nodes, "dense")
    is_large = layer.weight[0] * layer.weight[1] >= LEAST_WEIGHTS
    return DenseSegment(names(nodes), (layer,)) if is_large else None


def _winograd_segment(graph: Graph, nodes: Sequence[Node]) -> WinogradSegment | None:
    (x,) = graph.input_specs(nodes[0])
    if not is_usual_conv(nodes[0], x, kernels=(3,)):
        return None
    if min(x.channels, graph.specs[nodes[0].name].channels) < winograd.FEWEST_CHANNELS:
        return None
    return WinogradSegment(names(nodes), (layer_shape(graph, nodes, "conv"),))


def _batch_norm_segment(graph: Graph, nodes: Sequence[Node]) -> BatchNormSegment | None:
    bn, *between, _ = nodes
    adds = [node for node in between if isinstance(node.operator, Add)]
    if graph.specs[bn.name].rank != 3 or "weight" not in graph.weights(bn):
        return None
    for add in adds:
        if len(add.inputs) != 2 or len({spec.shape for spec in graph.input_specs(add)}) > 1:
            return None
    layer = batch_norm.shape_of(graph.specs[bn.name].shape, bool(adds))
    second = bool(adds) and adds[0].inputs[1] == bn.name
    return BatchNormSegment(names(nodes), (layer,), bool(between) and not adds, second)


def names(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The names of nodes, in order."""
    return tuple(node.name for node in nodes)


def layer_shape(
    graph: Graph, nodes: Sequence[Node], kind: LayerKind, *, adds: bool = False
) -> LayerShape:
    """A convolution or dense layer with the activation behind it, as a choice depends on it."""
    (x,), weights = graph.input_specs(nodes[0]), graph.weights(nodes[0])
    found = [ACTIVATIONS[k] for node in nodes if (k := type(node.operator)) in ACTIVATIONS]
    activation: Activation = found[0] if found else "identity"
    shape, bias = weights["weight"].shape, "bias" in weights
    if not isinstance(nodes[0].operator, Conv):
        return LayerShape(kind, x.shape, shape, bias, activation)
    rows, columns = nodes[0].operator.field(x)
    taps = (rows.before, columns.before), (rows.stride, columns.stride)
    return LayerShape(kind, x.shape, shape, bias, activation, *taps, adds)


def is_usual_conv(node: Node, x: Spec, kernels: Container[int] = KERNELS) -> bool:
    """Whether a node is a convolution of maps with stride 1, the same padding on opposite sides."""
    conv = node.operator
    if not isinstance(conv, Conv) or x.rank != 3:
        return False
    usual = (conv.stride, conv.dilation, conv.groups, conv.table) == (1, 1, 1, None)
    return usual and all(w.kernel in kernels and w.before == w.after for w in conv.field(x))


PATTERNS: tuple[Pattern, ...] = (
    *(Pattern((Conv, MaxPool, kind), conv_pool_segment) for kind in ACTIVATIONS),
    *(Pattern((Conv, kind, AveragePool), conv_pool_segment) for kind in ACTIVATIONS),
    Pattern((Conv, MaxPool), conv_pool_segment),
    Pattern((Conv, AveragePool), conv_pool_segment),
    Pattern((Conv, ReLU), _winograd_segment),
    Pattern((Conv,), _winograd_segment),
    *(Pattern((Dense, kind), dense_segment) for kind in ACTIVATIONS),
    Pattern((Dense,), dense_segment),
    Pattern((BatchNorm, Add, ReLU), _batch_norm_segment),
    Pattern((BatchNorm, MaxPool, ReLU), _batch_norm_segment),
    Pattern((BatchNorm, ReLU), _batch_norm_segment),
)
"""Tried in order at every node; the first that fits is taken. Activations already stand behind
max-pooling: see `striate.engine.fast.reordered`."""

LEAST_WORK = 5e11
"""Multiply-adds below which building and trying kernels takes longer than they save."""


def pays(graph: Graph, pictures: int, *, training: bool) -> bool:
    """Whether so many pictures are enough work for fused kernels to be built for them."""
    return graph.multiply_adds * pictures * (3 if training else 1) >= LEAST_WORK
