"""What makes a lowered network faster without changing its numbers beyond rounding.

* Pictures are laid out with channels innermost (channels_last): on CPUs oneDNN computes the
  weight gradient of a first layer, and PyTorch max-pooling, several times as fast. Only the
  values change their layout. Weights stay row-major: oneDNN reorders them in any case, and fused
  optimizers silently mix up the numbers of a weight and of a restored momentum whose layouts
  differ. (DROPOUT draws in the order of memory: the same seed switches off other units.)
* Activations that never fall are computed after max-pooling instead of before: the largest of
  f(x) is f of the largest x, on a quarter of the numbers. For ReLU values and gradients are the
  same to the last bit, ties included. Sigmoid and tanh can round two different numbers to one;
  then the gradient goes to the larger number, no longer to the first.
* ReLU works in place where nobody reads the number before it, the gradient included.
* Fused kernels take the place of whole chains: `fusion.py`. `STRIATE_FUSED=off` keeps them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import nn

from striate import ops
from striate.graph import Graph, Node, Operator
from striate.pytorch.modules.layout import ChannelsLast, SlicedConv2d
from striate.pytorch.recipe import Recipe

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


def recipes(graph: Graph, plain: Mapping[str, Recipe]) -> dict[str, Recipe]:
    """Recipes of a reordered graph, each as fast as its place allows; inputs may gain one."""
    found = {name: _in_place(graph, graph[name], made) for name, made in plain.items()}
    if not any(made.kind is nn.Conv2d for made in plain.values()):
        return found
    found = {name: _guarded(made) for name, made in found.items()}
    if any(_is_trap(made) for made in found.values() if made.kind is not SlicedConv2d):
        return found  # one-sided padding on top: too rare to be worth a layer of its own
    found |= {n.name: Recipe(ChannelsLast) for n in graph.inputs if graph.specs[n.name].rank == 3}
    return found


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


def _in_place(graph: Graph, node: Node, made: Recipe) -> Recipe:
    if made.kind is not nn.ReLU:
        return made
    before = graph[node.inputs[0]]
    exits = {graph.scores.name, *(each.node for each in graph.auxiliary)}
    alone = graph.consumers[before.name] == (node.name,) and before.name not in exits
    if not alone or not isinstance(before.operator, FRESH):
        return made
    return replace(made, settings={**made.settings, "inplace": True})


def _guarded(made: Recipe) -> Recipe:
    """A strided 1x1 convolution of few channels, sliced (see `SlicedConv2d`)."""
    is_plain = made.kind is nn.Conv2d and "padding" not in made.settings
    return replace(made, kind=SlicedConv2d) if is_plain and _is_trap(made) else made


def _is_trap(made: Recipe) -> bool:
    if not issubclass(made.kind, nn.Conv2d) or "stride" not in made.settings:
        return False
    into, _, kernel = made.arguments
    return kernel == 1 and into // made.settings.get("groups", 1) < FEW_CHANNELS
