"""Backward over a graph, by the operators' own gradients; no autograd.

The gradient of a node's output is the sum, over the nodes that read it, of what each one's
`backward` returns for that input. So a node is differentiated after all its readers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import Gradients
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from striate.reference.run import Trace


class Backward:
    """The gradients of one `Trace`, node by node, computed when they are needed.

    Args:
        trace: with the values.
        error: the gradient of the last node's output, or of several by name; None for the loss.

    Raises:
        SettingError: no error is given and there is no loss.
        ShapeError: an error is not shaped as the value it belongs to.
    """

    def __init__(self, trace: Trace, error: Array | Mapping[str, Array] | None = None) -> None:
        self.trace = trace
        self.nodes: dict[str, Array] = {}
        """The gradient by every node's output, shaped as the output."""
        self.weights: dict[str, dict[str, Array]] = {}
        """The gradient by every weight that is trained: node -> weight name -> array."""
        self.inner: dict[str, Mapping[str, Array]] = {}
        """The gradient by every inner value: node -> name -> array."""
        self._parts: dict[str, Gradients] = {}
        self._seeds = _seeds(trace, error)

    def reach(self, names: Iterable[str]) -> Backward:
        """Compute the gradients by these nodes' outputs and weights; returns itself."""
        graph = self.trace.graph
        needed = graph.descendants(each for name in names for each in graph.sharers(name))
        for node in reversed(graph.nodes):
            if node.name in needed and node.name in self.trace.values:
                self._node(node.name)
                if node.name not in self._parts and not node.operator.is_input:
                    self._differentiate(node.name)
        return self

    def _node(self, name: str) -> None:
        if name in self.nodes:
            return
        total = np.zeros_like(self.trace.values[name])
        if name in self._seeds:
            total = total + self._seeds[name]
        for reader in self.trace.graph.consumers[name]:
            if reader in self._parts:
                slots = zip(
                    self.trace.graph[reader].inputs, self._parts[reader].inputs, strict=True
                )
                for source, part in slots:
                    if source == name:
                        total = total + part
        self.nodes[name] = total

    def _differentiate(self, name: str) -> None:
        node, call = self.trace.graph[name], self.trace.calls[name]
        found = node.operator.backward(call, self.nodes[name])
        self._parts[name], self.inner[name] = found, found.inner
        for key, gradient in found.weights.items():
            kept = self.weights.setdefault(self.trace.graph.keeper(node, key), {})
            kept[key] = kept[key] + gradient if key in kept else gradient


def _seeds(trace: Trace, error: Array | Mapping[str, Array] | None) -> dict[str, Array]:
    """Where the backward pass starts."""
    if error is None:
        return _loss_seeds(trace)
    given = error if isinstance(error, Mapping) else {trace.graph.nodes[-1].name: error}
    seeds = {}
    for name, array in given.items():
        trace.reach([trace.graph[name].name])
        value = trace.values[name]
        if np.shape(array) != value.shape:
            raise ShapeError(
                f"the error of {name} has the shape {np.shape(array)}, its value {value.shape}"
            )
        seeds[name] = np.asarray(array, dtype=np.float64)
    return seeds


def _loss_seeds(trace: Trace) -> dict[str, Array]:
    node = trace.graph.loss
    if node is None or trace.target is None:
        raise SettingError(
            "there is no gradient without a loss and a target",
            remedy="Pass target=the right classes to run, or an error to backward.",
        )
    trace.reach([node.name, *(each.node for each in trace.graph.auxiliary)])
    seeds = {node.name: trace.loss_shares}
    for side in trace.exits:
        seeds[side.node] = seeds.get(side.node, 0.0) + side.gradient()
    return seeds
