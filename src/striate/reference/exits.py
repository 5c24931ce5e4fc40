"""Side exits that are trained with a loss of their own, and what that loss is called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from striate.graph import Call, Graph
from striate.ops.arrays import Array
from striate.ops.loss.loss_operator import LossOperator
from striate.passes.attach_loss import loss_of


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
    operator: LossOperator
    call: Call

    @property
    def loss(self) -> float:
        """The mean over the batch, times the weight."""
        return self.weight * float(self.operator.shares(self.call) @ self.call.y)

    def gradient(self) -> Array:
        """The gradient that the exit's loss adds to its node, for the mean over the batch."""
        error = self.weight * self.operator.shares(self.call)
        return self.operator.backward(self.call, error).inputs[0]


def side_exits(graph: Graph, values: Mapping[str, Array], target: Array) -> tuple[SideExit, ...]:
    """The side exits of `graph` whose values are known."""
    found = []
    for each in graph.auxiliary:
        if each.node in values:
            operator = loss_of(graph, each.node)
            call = Call((values[each.node],), target=target)
            call = call.with_output(operator.forward(call))
            found.append(SideExit(each.node, each.weight, operator, call))
    return tuple(found)
