"""The network in which every node has weights of its own: where passes that change them start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from striate.graph import Graph
from striate.ops.arrays import Array, Weights


def unshared(graph: Graph, weights: Weights) -> tuple[Graph, dict[str, Mapping[str, Array]]]:
    """The network with the same values whose nodes share no weights, and its weights.

    No array is copied: nodes that shared one hold the same. Nodes that only lent their weights go.

    Args:
        graph: any network.
        weights: node -> name -> array, of the nodes that keep them.

    >>> from striate.initialize import initialize
    >>> from striate.notation import parse
    >>> tied = parse("INPUT 2x8x8 -> CONV 2 3x3 -> RELU -> CONV 2 3x3 shares=conv1")
    >>> alone, own = unshared(tied, initialize(tied))
    >>> alone["conv2"].shares, own["conv2"]["weight"] is own["conv1"]["weight"]
    ('', True)
    """
    ends = (graph.nodes[-1].name, *(each.node for each in graph.auxiliary))
    read = graph.sources(ends)
    alone = Graph(tuple(replace(n, shares="") for n in graph if n.name in read), graph.auxiliary)
    own = {node.name: graph.arrays(graph[node.name], weights) for node in alone}
    return alone, {name: arrays for name, arrays in own.items() if arrays}
