"""How many bytes a network's numbers take, before one is computed.

Counted are the values the network itself consists of, in float32 (4 bytes): weights, and the
output of every layer. An engine's own workspace and the optimizer's state are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from striate.display import Block, Column, Displayed, Grid, Line
from striate.graph import Graph
from striate.memory import size

BYTES = 4


@dataclass(frozen=True, slots=True, repr=False)
class Memory(Displayed):
    """Bytes, activations for one picture.

    Args:
        weights: all weights and statistics.
        activations: by node, the output of every layer; training keeps them all.
        peak: the most that is alive at once in inference, when each output is dropped after its
            last use.
    """

    weights: int
    activations: dict[str, int]
    peak: int

    @property
    def headline(self) -> str:
        """Weights, activations and peak."""
        kept = size(sum(self.activations.values()))
        return f"weights {size(self.weights)}, activations {kept}, peak {size(self.peak)}"

    def display(self) -> Iterator[Block]:
        """The bytes of every layer's output."""
        columns = (Column("name", text=True), Column("activation"))
        rows = ((name, size(number)) for name, number in self.activations.items())
        yield Grid(columns, tuple(rows))
        yield Line(self.headline)


def memory(graph: Graph) -> Memory:
    """The bytes of weights and activations of `graph`."""
    weights = sum(weight.size for node in graph for weight in graph.own_weights(node).values())
    activations = {node.name: BYTES * graph.specs[node.name].size for node in graph}
    last_use = {name: node.name for node in graph for name in node.inputs}
    alive: dict[str, int] = {}
    peak = 0
    for node in graph:
        alive[node.name] = activations[node.name]
        peak = max(peak, sum(alive.values()))
        for name in dict.fromkeys(node.inputs):
            if last_use[name] == node.name:
                del alive[name]
    return Memory(BYTES * weights, activations, peak)
