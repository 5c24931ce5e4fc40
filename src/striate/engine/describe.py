"""Everything of a network that may run as one compiled call, as `striate show --fused` lists it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from striate.engine.fast import reordered
from striate.engine.fast import units as single_units
from striate.engine.frozen import frozen_plan
from striate.engine.layered import LayeredSegment
from striate.engine.lower import exits, trained_plan
from striate.engine.patterns import matched
from striate.engine.segments import PATTERNS, Segment
from striate.graph import Graph
from striate.passes.fold import folded
from striate.pytorch.network import recipes
from striate.pytorch.plan import Plan


def segments(graph: Graph) -> list[Segment]:
    """What may run as which kernel, in order, and which segments of several layers as one call.

    Nothing is built.
    """
    made, ends = recipes(graph), exits(graph)
    order = reordered(graph)
    single = list(single_units(order, [n for n in order if n.name in made], made))
    alone = [unit.call for unit in matched(order, single, PATTERNS, ends)]
    weights = {
        node.name: {
            name: np.zeros(weight.shape, np.float32)
            for name, weight in graph.own_weights(node).items()
        }
        for node in graph
    }
    frozen = folded(graph, weights)[0]
    return [
        *(each for each in alone if isinstance(each, Segment)),
        *_layered(trained_plan(graph, made, ends)),
        *_layered(frozen_plan(frozen, recipes(frozen))),
    ]


def _layered(plan: Plan) -> Iterator[Segment]:
    for step in plan.steps:
        if isinstance(step.call, LayeredSegment):
            yield step.call
