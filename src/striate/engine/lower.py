"""Lowering: a graph becomes an ordinary `torch.nn.Module`."""

from __future__ import annotations

from collections.abc import Mapping

from striate.engine import attended
from striate.engine import fast as speed
from striate.engine.engine import Engine, fast_plan
from striate.engine.layered import is_layered, joined, with_small_layers
from striate.engine.segments import PATTERNS
from striate.engine.trained import TrainedSegment
from striate.fused.guard import Guard, originals
from striate.graph import Graph
from striate.initialize import initialize
from striate.ops.arrays import Weights
from striate.pytorch.network import Network, fill, recipes
from striate.pytorch.plan import Plan, Unit, planned
from striate.pytorch.recipe import ModuleRecipe
from striate.pytorch.weights import load_weights


def lower(
    graph: Graph, weights: Weights | None = None, *, fast: bool = True, fused: bool = True
) -> Network:
    """The PyTorch module of a graph.

    Its submodules are ordinary ones, in the order of the graph. Where nobody can tell (no hooks, no
    replaced modules, no transform: see `striate.fused.guard`), few calls compute what they would.

    Args:
        graph: any network; a loss at its end is left to `loss_function`.
        weights: node -> name -> array. Without them those of `striate.initialize(graph, seed=0)`,
            as in `graph.module()`.
        fast: turns on what changes the speed but no number beyond rounding: see
            `striate.engine.fast`.
        fused: whether compiled kernels may stand for chains of operators. Without `fast` they
            never do. Building them takes seconds, once a machine: `pays` says when it is worth it.

    Raises:
        GraphError: a node has no PyTorch counterpart, or two names collide.
        WeightsError: the weights do not fit.
    """
    made = recipes(graph)
    ends = exits(graph)
    network = Network(*(planned(graph, some) for some in (ends, ends[:1])))
    fill(network, graph, made)
    load_weights(network, initialize(graph) if weights is None else weights)
    if fast:
        plans = (trained_plan(graph, made, some, fused=fused) for some in (ends, ends[:1]))
        network.shortcut = Engine(Guard(originals(network)), *plans)
    return network


def exits(graph: Graph) -> list[str]:
    """The nodes whose values leave a network in training: the scores, then side exits."""
    return [graph.scores.name, *(each.node for each in graph.auxiliary)]


def trained_plan(
    graph: Graph, made: Mapping[str, ModuleRecipe], ends: list[str], *, fused: bool = True
) -> Plan:
    """How a network that learns is computed by few calls."""
    reordered = speed.reordered(graph)
    if not fused:
        return fast_plan(reordered, ends, made, attended.PATTERNS, lambda _, found: found)
    patterns = [with_small_layers(each) if is_layered(each) else each for each in PATTERNS]
    return fast_plan(reordered, ends, made, [*patterns, *attended.PATTERNS], _join)


def _join(graph: Graph, found: list[Unit]) -> list[Unit]:
    return joined(graph, found, TrainedSegment)
