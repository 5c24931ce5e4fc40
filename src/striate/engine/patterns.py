"""Chains of operators that one call can compute: where fused kernels enter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from typing import NamedTuple

from striate.graph import Graph, Node, Operator
from striate.pytorch.plan import ModuleCall, Unit


class Pattern(NamedTuple):
    """A chain of operators that one call can stand for.

    Args:
        operators: their classes in order; each is the only reader of the one before. One that
            reads other values too, such as ADD, fits where they are computed already.
        make: from these nodes of this graph to the call, or None where their settings or sizes
            do not suit it. The modules keep the weights and the names.
    """

    operators: tuple[type[Operator], ...]
    make: Callable[[Graph, Sequence[Node]], ModuleCall | None]


def matched(
    graph: Graph, single: Sequence[Unit], patterns: Sequence[Pattern], exits: Sequence[str]
) -> Iterator[Unit]:
    """The calls of a network, those that a pattern fits taken together.

    Args:
        single: a call for each node, in order; all other nodes are there already.
    """
    done = {node.name for node in graph} - {unit.nodes[0].name for unit in single}
    for unit in single:
        node = unit.nodes[0]
        if node.name not in done:
            tried = (_match(graph, node, pattern, exits, done) for pattern in patterns)
            found = next((each for each in tried if each), unit)
            done |= {each.name for each in found.nodes}
            yield found


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
