"""Everything of a network that may run as one compiled call, as `striate show --fused` lists it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from striate.engine import frozen as frozen_stretch
from striate.engine import fusion
from striate.engine import trained as trained_stretch
from striate.engine.fast import reordered
from striate.engine.fusion import Chain
from striate.engine.segments import Link, Stretch
from striate.fused.layer import Layer
from striate.graph import Graph, Node
from striate.ops import Conv
from striate.passes.fold import folded
from striate.pytorch.plan import Unit


def chains(graph: Graph) -> list[Chain]:
    """Which chains may run as which kernel, and which stretches of chains as one call.

    `layer` begins what `choose.choices()` says of it, the batch left out: `{}`. Nothing is built.
    """
    exits = [graph.scores.name, *(each.node for each in graph.auxiliary)]
    trained = reordered(graph)
    learning = trained_stretch.grouped(trained, list(trained), exits)
    weights = {
        node.name: {
            name: np.zeros(weight.shape, np.float32) for name, weight in graph.weights(node).items()
        }
        for node in graph
    }
    frozen = reordered(folded(graph, weights)[0])
    last = [frozen.scores.name]
    predicting = frozen_stretch.grouped(frozen, list(frozen), last)
    return [
        *fusion.chains(graph),
        *_stretches(trained, learning, "trained", "one call each way"),
        *_stretches(frozen, predicting, "frozen", "one call, frozen"),
    ]


def _stretches(graph: Graph, found: Sequence[Unit], word: str, kernel: str) -> Iterator[Chain]:
    for unit in found:
        if isinstance(unit.call, Stretch):
            layers = list(_layers(graph, unit.call))
            nodes = tuple(node.name for node in unit.nodes)
            yield Chain(kernel, nodes, f"{word} {unit.call.told(layers, '{}')}, ")


def _layers(graph: Graph, stretch: Stretch) -> Iterator[Layer]:
    """The layers of a stretch, with weights that have a shape and no numbers."""
    for unit in stretch.units:
        if isinstance(unit.call, Link):
            first = unit.nodes[0]
            weight = torch.empty(graph.weights(first)["weight"].shape, device="meta")
            (x,) = graph.input_specs(first)
            more = unit.call.activation, _padding(graph, first)
            yield Layer(unit.call.kind, x.shape, weight, None, *more)


def _padding(graph: Graph, node: Node) -> tuple[int, int]:
    if not isinstance(node.operator, Conv):
        return 0, 0
    rows, columns = node.operator.field(*graph.input_specs(node))
    return rows.before, columns.before
