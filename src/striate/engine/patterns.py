"""Chains of operators that one call can compute: where fused kernels enter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from typing import NamedTuple

from striate.graph import Graph, Node, Operator
from striate.pytorch.plan import Call, Unit, alone


class Pattern(NamedTuple):
    """A chain of operators that one call can stand for.

    Args:
        operators: their classes in order; each is the only reader of the one before. One that
            reads other values too, such as ADD, fits where they are computed already.
        make: from these nodes of this graph to the call, or None where their settings or sizes
            do not suit it. The modules keep the weights and the names. A module may have been
            replaced or given hooks meanwhile, and a tensor may be of any kind and size: the call
            looks at both and runs the modules one by one where the kernel does not fit.
    """

    operators: tuple[type[Operator], ...]
    make: Callable[[Graph, Sequence[Node]], Call | None]


def units(
    graph: Graph, nodes: Sequence[Node], patterns: Sequence[Pattern], exits: Sequence[str]
) -> Iterator[Unit]:
    """`nodes` in order, those that a pattern fits taken together; the others are there already."""
    done = {node.name for node in graph} - {node.name for node in nodes}
    for node in nodes:
        if node.name not in done:
            matched = (_match(graph, node, pattern, exits, done) for pattern in patterns)
            found = next((unit for unit in matched if unit), None)
            unit = found or Unit((node,), alone)
            done |= {each.name for each in unit.nodes}
            yield unit


def _match(
    graph: Graph, first: Node, pattern: Pattern, exits: Sequence[str], done: Set[str]
) -> Unit | None:
    chain, more = [first], list[str]()
    while type(chain[-1].operator) is pattern.operators[len(chain) - 1]:
        if len(chain) == len(pattern.operators):
            call = pattern.make(graph, chain)
            return None if call is None else Unit(tuple(chain), call, tuple(more))
        readers = graph.consumers[chain[-1].name]
        if len(readers) != 1 or chain[-1].name in exits:
            return None
        following = graph[readers[0]]
        others = [name for name in following.inputs if name != chain[-1].name]
        if len(following.inputs) != 1 + len(others) or not done >= set(others):
            return None
        more += others
        chain.append(following)
    return None
