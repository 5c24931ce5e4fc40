"""What makes a network faster without changing its numbers beyond rounding, kernels apart.

None of it is seen in the modules: it is another plan of calls, which runs only where nobody can
tell (`striate.fused.guard`).

* Pictures are laid out with channels innermost (channels_last): on CPUs oneDNN computes the
  weight gradient of a first layer, and PyTorch max-pooling, several times as fast. Only the
  values change their layout. Weights stay row-major: oneDNN reorders them in any case, and fused
  optimizers silently mix up the numbers of a weight and of a restored momentum whose layouts
  differ.
  What draws by chance does so in the order of memory, and is given row-major maps.
* Activations that never fall are computed after max-pooling instead of before: the largest of
  f(x) is f of the largest x, on a quarter of the numbers. For ReLU values and gradients are the
  same to the last bit, ties included. Sigmoid and tanh can round two different numbers to one;
  then the gradient goes to the larger number, no longer to the first.
* ReLU works in place where nobody reads the number before it, the gradient included.
* A strided 1x1 convolution of few channels reads only the cells that it needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from striate import ops
from striate.graph import Graph, Node, Operator
from striate.pytorch.plan import Unit, alone
from striate.pytorch.recipe import ModuleRecipe

FRESH: tuple[type[Operator], ...] = (
    ops.Conv,
    ops.Dense,
    ops.BatchNorm,
    ops.MaxPool,
    ops.AveragePool,
    ops.Subsample,
    ops.Add,
    ops.Concat,
    ops.Multiply,
)
"""Operators whose output is new memory that their own gradient does not need."""

FEW_CHANNELS = 8
"""oneDNN's strided 1x1 convolution was seen to fail below this number of input channels."""


def reordered(graph: Graph) -> Graph:
    """The same network with monotone activations behind the max-pooling that reads them."""
    inputs = {node.name: node.inputs for node in graph}
    for pool in graph:
        activation = _movable(graph, pool)
        if activation is not None:
            _swap(inputs, activation.name, pool.name)
    return Graph(tuple(replace(n, inputs=inputs[n.name]) for n in graph), graph.auxiliary)


def units(graph: Graph, nodes: Sequence[Node], made: Mapping[str, ModuleRecipe]) -> Iterator[Unit]:
    """A call of its own for each node of a reordered graph, as fast as its place allows.

    Args:
        nodes: to compute, in order.
        made: how the nodes' modules are made.
    """
    for node in nodes:
        if isinstance(node.operator, ops.Input):
            yield Unit((node,), channels_last)
        elif _may_overwrite(graph, node, made):
            yield Unit((node,), rectify)
        elif node.operator.is_random and len(graph.specs[node.name].shape) == 3:
            yield Unit((node,), drawn)
        else:
            is_sliced = _is_trap(made.get(node.name)) and _is_unpadded(made[node.name])
            yield Unit((node,), sliced if is_sliced else alone)


def laid_out(graph: Graph, made: Mapping[str, ModuleRecipe]) -> list[str]:
    """The inputs of which the pictures are better laid out with channels innermost."""
    convolutions = [each for each in made.values() if issubclass(each.kind, nn.Conv2d)]
    traps = [each for each in convolutions if _is_trap(each) and not _is_unpadded(each)]
    if traps or not any(each.kind is nn.Conv2d for each in convolutions):
        return []  # one-sided padding before such a convolution: too rare to be sliced
    return [node.name for node in graph.inputs if graph.specs[node.name].rank == 3]


def channels_last(x: Tensor) -> Tensor:
    """Pictures laid out with their channels innermost, as a CPU's convolutions like them."""
    if x.ndim != 4:
        return x
    if x.shape[1] == 1 and x.is_contiguous():
        return x.squeeze(1).unsqueeze(-1).movedim(-1, 1)  # the same order: no copy
    return x.contiguous(memory_format=torch.channels_last)


def rectify(_: nn.Module, x: Tensor) -> Tensor:
    """ReLU in place."""
    return torch.relu_(x)


def drawn(module: nn.Module, x: Tensor) -> Tensor:
    """What draws by chance, in row-major memory: a seed decides the same with and without speed."""
    y: Tensor = module(x.contiguous())
    return y if x.is_contiguous() else channels_last(y)


def sliced(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1x1 convolution with a stride, as the unit-stride one of every stride-th cell.

    With few input channels laid out innermost, oneDNN's own strided 1x1 convolution returns wrong
    weight gradients or never ends on processors with AVX2 (its issue 6035).
    """
    seen = x[:, :, :: conv.stride[0], :: conv.stride[1]]
    return functional.conv2d(seen, conv.weight, conv.bias, groups=conv.groups)


def _movable(graph: Graph, pool: Node) -> Node | None:
    """The activation in front of `pool` that may as well come after it."""
    if not isinstance(pool.operator, ops.MaxPool):
        return None
    activation = graph[pool.inputs[0]]
    alone = graph.consumers[activation.name] == (pool.name,)
    exits = {graph.nodes[-1].name, *(each.node for each in graph.auxiliary)}
    if not activation.operator.rises or not alone:
        return None
    return None if exits & {activation.name, pool.name} else activation


def _swap(inputs: dict[str, tuple[str, ...]], activation: str, pool: str) -> None:
    for reader, read in inputs.items():
        if reader != activation:
            inputs[reader] = tuple(activation if name == pool else name for name in read)
    inputs[pool], inputs[activation] = inputs[activation], (pool,)


def _may_overwrite(graph: Graph, node: Node, made: Mapping[str, ModuleRecipe]) -> bool:
    """Whether this is ReLU of memory that nobody else reads."""
    if made[node.name].kind is not nn.ReLU:
        return False
    before = graph[node.inputs[0]]
    exits = {graph.scores.name, *(each.node for each in graph.auxiliary)}
    is_read = graph.consumers[before.name] != (node.name,) or before.name in exits
    return isinstance(before.operator, FRESH) and not is_read


def _is_trap(made: ModuleRecipe | None) -> bool:
    """Whether this is a strided 1x1 convolution of few channels."""
    if made is None or not issubclass(made.kind, nn.Conv2d) or "stride" not in made.settings:
        return False
    into, _, kernel = made.arguments
    return kernel == 1 and into // made.settings.get("groups", 1) < FEW_CHANNELS


def _is_unpadded(made: ModuleRecipe) -> bool:
    return made.kind is nn.Conv2d and "padding" not in made.settings
