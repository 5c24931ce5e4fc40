"""Lowering: a graph becomes an ordinary `torch.nn.Module`."""

from __future__ import annotations

from striate.engine import fast as speed
from striate.engine.trained import grouped
from striate.graph import Graph
from striate.ops.arrays import Weights
from striate.pytorch.network import Network, fill, recipes
from striate.pytorch.plan import planned
from striate.pytorch.weights import load_weights


def lower(
    graph: Graph, weights: Weights | None = None, *, fast: bool = True, fused: bool = True
) -> Network:
    """The PyTorch module of a graph.

    Args:
        graph: any network; a loss at its end is left to `loss_function`.
        weights: node -> name -> array. Without them PyTorch's own initialization stands.
        fast: turns on what changes the speed but no number beyond rounding: see
            `striate.engine.fast`.
        fused: whether compiled kernels may stand for chains of operators. Without `fast` they
            never do. Building them takes seconds, once a machine: `pays` says when it is worth it.

    Raises:
        GraphError: a node has no PyTorch counterpart, or two names collide.
        WeightsError: the weights do not fit.
    """
    graph = speed.reordered(graph) if fast else graph
    made = recipes(graph)
    made = speed.recipes(graph, made) if fast else made
    exits = [graph.scores.name, *(each.node for each in graph.auxiliary)]
    grouping = grouped if fast and fused else None
    plans = [planned(graph, some, converted=made, grouped=grouping) for some in (exits, exits[:1])]
    network = Network(*plans)
    fill(network, graph, made)
    if weights is not None:
        load_weights(network, weights)
    return network
