"""Side exits that are trained with a loss of their own, and what that loss is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.graph import Call, Graph, Operator
from striate.ops import CrossEntropy, LogLoss, Softmax

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class SideExit:
    """One side exit of a network that was run.

    Args:
        node: whose value leaves.
        weight: what the exit's mean loss is multiplied by.
        operator: its loss.
        call: what the loss is called with.
    """

    node: str
    weight: float
    operator: Operator
    call: Call

    def gradient(self) -> Array:
        """The gradient that the exit's loss adds to its node, for the mean over the batch."""
        pictures = len(self.call.x)
        error = np.full(pictures, self.weight / pictures)
        return self.operator.backward(self.call, error).inputs[0]


def side_exits(graph: Graph, values: Mapping[str, Array], target: Array) -> tuple[SideExit, ...]:
    """The side exits of `graph` whose values are known."""
    found = []
    for each in graph.auxiliary:
        if each.node in values:
            operator = _loss_of(graph, each.node)
            call = Call((values[each.node],), target=target)
            call = call.with_output(operator.forward(call))
            found.append(SideExit(each.node, each.weight, operator, call))
    return tuple(found)


def _loss_of(graph: Graph, name: str) -> Operator:
    """The main loss, in the form that suits how the side exit itself ends."""
    main = graph.loss.operator if graph.loss else CrossEntropy()
    if not isinstance(main, CrossEntropy | LogLoss):
        return main
    if isinstance(graph[name].operator, Softmax):
        return LogLoss()
    return main if isinstance(main, CrossEntropy) else CrossEntropy()
