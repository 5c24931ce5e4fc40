"""The numbers as PyTorch has them in float32, node by node."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from striate.graph import Call, Graph, Node
from striate.ops.arrays import Array, Weights
from striate.reference import Number

if TYPE_CHECKING:
    from striate.pytorch.evaluate import NodeValues


class Stored:
    """Values and gradients of one picture in float32, each computed when first needed.

    A value costs a forward pass up to its node; gradients cost one pass forward and back.
    """

    def __init__(self, graph: Graph, weights: Weights, x: Array) -> None:
        self._graph = graph
        self._weights = weights
        self._values: dict[str, Array] = {graph.inputs[0].name: x}
        self._x = x
        self.target: Array | None = None

    def number(self, number: Number) -> float:
        """One number; for losses and gradients `target` must be set."""
        if number.inner:
            return float(self._inner(number)[(0, *number.index)])
        if number.gradient and number.weight:
            gradients = self._evaluation.weight_gradients[number.node]
            return float(gradients[number.weight][number.index])
        if number.gradient:
            return float(self._evaluation.gradients[number.node][(0, *number.index)])
        if number.weight:
            return float(np.float32(self._weights[number.node][number.weight][number.index]))
        return float(self.value(number.node)[(0, *number.index)])

    def value(self, name: str) -> Array:
        """The output of a node."""
        if name not in self._values:
            node = self._graph[name]
            self._values[name] = self._loss(node) if node.operator.is_loss else self._run(name)
        return self._values[name]

    def called(self, node: Node) -> Call:
        """What an operator is called with, and answers, in PyTorch's numbers."""
        weights = self._graph.arrays(node, self._weights)
        call = Call(
            tuple(self.value(name) for name in node.inputs),
            {name: array.astype(np.float32) for name, array in weights.items()},
            target=self.target if node.operator.is_loss else None,
            output=self.value(node.name),
            given=self._graph.input_specs(node),
        )
        return replace(call, inner=node.operator.inner_values(call))

    def _inner(self, number: Number) -> Array:
        """An inner value, which PyTorch keeps to itself: what the formulas make of its numbers."""
        node = self._graph[number.node]
        call = self.called(node)
        if not number.gradient:
            return call.inner[number.inner]
        error = self._evaluation.gradients[node.name]
        return node.operator.backward(call, error).inner[number.inner]

    def _run(self, name: str) -> Array:
        from striate.pytorch.evaluate import last_value

        part = self._graph.upto(name)
        return last_value(part, self._own(part), self._x)

    def _loss(self, node: Node) -> Array:
        import torch

        from striate.pytorch import loss_function

        scores = torch.from_numpy(self.value(node.inputs[0]))
        loss = loss_function(self._graph)(scores, torch.from_numpy(self._wanted))
        return np.array([loss.item()], dtype=np.float32)

    @cached_property
    def _evaluation(self) -> NodeValues:
        import torch

        from striate.pytorch.evaluate import values_and_gradients

        part = self._graph.upto(self._graph.nodes[-1].name)
        return values_and_gradients(part, self._own(part), self._x, self._wanted, torch.float32)

    @property
    def _wanted(self) -> Array:
        wanted = np.asarray(self.target)
        return wanted.astype(np.float32) if wanted.dtype.kind == "f" else wanted

    def _own(self, graph: Graph) -> Weights:
        return {node.name: self._weights[node.name] for node in graph if graph.own_weights(node)}
