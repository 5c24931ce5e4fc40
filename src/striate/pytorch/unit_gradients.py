"""The gradient of one number of a network by another value, picture by picture, as it predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from striate.graph import Graph
from striate.ops.arrays import Array, Weights
from striate.pytorch.evaluate import modules_of
from striate.pytorch.plan import reads

MOST_NUMBERS = 60_000_000
"""Values of all nodes that are kept at once for a gradient; more pictures take more turns."""


class Slope(NamedTuple):
    """A number of each picture, a value it depends on, and its gradient by that value.

    Args:
        numbers: (N,).
        value, gradient: (N, ...), of the node that was asked for.
    """

    numbers: Array
    value: Array
    gradient: Array


class UnitGradients:
    """A weighted sum of one node's units, and its gradients, by one module per node.

    No hook is involved, nothing is fused, reordered or done in place, and modules are made once
    for all pictures.

    Args:
        node: whose units are summed.
        shares: what each unit is multiplied by, shaped as the node's value.
        dtype: of all values.

    Raises:
        WeightsError: the weights do not fit.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        node: str,
        shares: Array,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        self._graph = graph.upto(node)
        needed = {each.name: weights[each.name] for each in self._graph if each.name in weights}
        self._modules = modules_of(self._graph, needed, dtype, training=False)
        self._shares = torch.from_numpy(np.asarray(shares, dtype=np.float64)).to(dtype)
        self._dtype = dtype
        numbers = sum(self._graph.specs[each.name].size for each in self._graph)
        self._turn = max(1, MOST_NUMBERS // numbers)

    @torch.no_grad()
    def numbers(self, x: Array) -> Array:
        """The number (N,) of each picture of x (N, C, H, W)."""
        found = [self._sums(self._values(part)).numpy() for part in self._turns(x)]
        return np.concatenate(found).astype(np.float64)

    @torch.no_grad()
    def every(self, x: Array) -> Iterator[dict[str, Array]]:
        """The values of all nodes for pictures x (N, C, H, W), some pictures at a time."""
        for part in self._turns(x):
            yield {name: value.numpy() for name, value in self._values(part).items()}

    def slope(self, x: Array, by: str) -> Slope:
        """The numbers of pictures x (N, C, H, W) and their gradients by the node `by`."""
        parts = [self._slope(part, by) for part in self._turns(x)]
        joined = (np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True))
        return Slope(*joined)

    def _turns(self, x: Array) -> tuple[Tensor, ...]:
        return torch.split(torch.from_numpy(np.asarray(x)).to(self._dtype), self._turn)

    def _slope(self, x: Tensor, by: str) -> Slope:
        values = self._values(x.clone().requires_grad_())
        numbers = self._sums(values)
        (gradient,) = torch.autograd.grad(
            numbers.sum(), [values[by]], allow_unused=True, materialize_grads=True
        )
        return Slope(numbers.detach().numpy(), values[by].detach().numpy(), gradient.numpy())

    def _sums(self, values: dict[str, Tensor]) -> Tensor:
        last = values[self._graph.nodes[-1].name]
        return (last * self._shares).reshape(len(last), -1).sum(dim=1)

    def _values(self, x: Tensor) -> dict[str, Tensor]:
        values = {node.name: x for node in self._graph.inputs}
        for node in self._graph:
            if node.name in values:
                continue
            inputs = [values[name] for name in reads(self._graph, node)]
            value: Tensor = self._modules[node.name](*inputs)
            # A module that passes its input on would share a gradient with it.
            alike = any(value is each for each in inputs)
            values[node.name] = value.view_as(value) if alike else value
        return values
