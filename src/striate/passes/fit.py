"""A network for other pictures and another number of classes than it was written for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from striate.errors import GraphError, StriateError
from striate.graph import Graph, Node, Operator
from striate.ops import RBF, Conv, Dense, Input


def fitted(graph: Graph, classes: int, shape: tuple[int, ...]) -> Graph:
    """`graph` with `classes` scores in each of its exits, for pictures of `shape`.

    In an exit the last layer with units of its own (FC, CONV, RBF) is made wider or narrower;
    everything before it stays.

    Raises:
        GraphError: an exit has no such layer.
        ShapeError: a layer does not fit pictures of this shape.
    """
    exits = _exits(graph)
    changed: dict[str, Operator] = {graph.inputs[0].name: Input(shape)}
    for name in exits:
        if graph.specs[name].size != classes:
            head = _head(graph, name)
            changed[head.name] = _with_units(head.operator, classes)
    made = _replaced(graph, changed)
    if any(made.specs[name].size != classes for name in exits):
        raise GraphError(
            f"the network cannot answer with {classes} scores",
            remedy=f"Write it with FC {classes} at its end.",
        )
    return made


def heads(graph: Graph) -> tuple[str, ...]:
    """The layers whose units are the classes, one an exit, as far as there are any."""
    found = []
    for name in _exits(graph):
        with suppress(GraphError):
            found.append(_head(graph, name).name)
    return tuple(found)


def _exits(graph: Graph) -> list[str]:
    return [graph.scores.name, *(each.node for each in graph.auxiliary)]


def takes(graph: Graph, shape: tuple[int, ...]) -> bool:
    """Whether pictures of `shape` go through `graph` with every weight but the first as it is.

    So it is with a network that averages whole maps before its dense layers, whatever the size.
    """
    entrance = graph.inputs[0].name
    try:
        other = _replaced(graph, {entrance: Input(shape)})
    except StriateError:
        return False
    first = graph.consumers[entrance] if shape[0] != graph.specs[entrance].shape[0] else ()
    return all(
        other.weights(other[node.name]) == graph.weights(node)
        for node in graph
        if node.name not in first
    )


def _replaced(graph: Graph, operators: Mapping[str, Operator]) -> Graph:
    nodes = (replace(n, operator=operators.get(n.name, n.operator)) for n in graph)
    return Graph(tuple(nodes), graph.auxiliary)


def _head(graph: Graph, name: str) -> Node:
    """The layer whose units become the scores: others behind it only pass them on."""
    node = graph[name]
    while not isinstance(node.operator, Dense | Conv | RBF):
        if len(node.inputs) != 1 or graph.weights(node):
            raise GraphError(
                f"the scores of {name} do not come from one layer",
                remedy="Write the network with an FC that has a unit for each class.",
            )
        node = graph[node.inputs[0]]
    return node


def _with_units(operator: Operator, classes: int) -> Operator:
    if isinstance(operator, Dense):
        return replace(operator, out_features=classes)
    if isinstance(operator, Conv):
        return replace(operator, out_channels=classes)
    return replace(operator, units=classes) if isinstance(operator, RBF) else operator
