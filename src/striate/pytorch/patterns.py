"""Where fused kernels enter: chains of operators that one call can compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from striate.graph import Graph, Node, Operator


class Pattern(NamedTuple):
    """A chain of operators and the call that stands for it.

    Args:
        operators: their classes in order; each is the only reader of the one before.
        accepts: whether these nodes of this graph have settings and sizes that the call is for.
        call: the nodes' modules in order, then the input tensor, to the last one's output. The
            modules keep the weights and the names; the call decides by the tensor (its device,
            type, batch) whether to run the kernel or the modules.
    """

    operators: tuple[type[Operator], ...]
    accepts: Callable[[Graph, Sequence[Node]], bool]
    call: Callable[..., Tensor]


PATTERNS: tuple[Pattern, ...] = ()
"""Tried in order at every node; the first that fits is taken. Activations stand behind
max-pooling when they are asked: see `striate.pytorch.fast.reordered`."""


class Unit(NamedTuple):
    """Nodes computed by one call: `call(*modules, *inputs)`."""

    nodes: tuple[Node, ...]
    call: Callable[..., Any]


def units(
    graph: Graph, nodes: Sequence[Node], patterns: Sequence[Pattern], exits: Sequence[str]
) -> Iterator[Unit]:
    """`nodes` in order, those that a pattern fits taken together."""
    done: set[str] = set()
    for node in nodes:
        if node.name not in done:
            found = next((u for p in patterns if (u := _match(graph, node, p, exits))), None)
            unit = found or Unit((node,), alone)
            done |= {each.name for each in unit.nodes}
            yield unit


def alone(module: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """The call of a node that no pattern covers."""
    return module(*inputs)


def _match(graph: Graph, first: Node, pattern: Pattern, exits: Sequence[str]) -> Unit | None:
    chain = [first]
    while type(chain[-1].operator) is pattern.operators[len(chain) - 1]:
        if len(chain) == len(pattern.operators):
            nodes = tuple(chain)
            return Unit(nodes, pattern.call) if pattern.accepts(graph, nodes) else None
        readers = graph.consumers[chain[-1].name]
        if len(readers) != 1 or chain[-1].name in exits:
            return None
        following = graph[readers[0]]
        if len(following.inputs) != 1:
            return None
        chain.append(following)
    return None
