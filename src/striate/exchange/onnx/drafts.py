"""Our nodes in the making, before they have names; what nothing reads in the end is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from striate.errors import ShapeError
from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.file import Item
from striate.exchange.onnx.step import KnownOrArray, array
from striate.graph import Node, Operator, Spec
from striate.graph.check import inferred
from striate.graph.walk import reached
from striate.ops.arrays import Array


@dataclass(frozen=True)
class Draft:
    """One of our nodes, by a key.

    Args:
        item: the node of the file that it comes from.
        origins: weight -> the file's own array that it is, where nodes may share it.
    """

    node: Node
    item: Item | None
    weights: Mapping[str, Array]
    origins: Mapping[str, str]


class Drafts:
    """All of them, in the order of their making."""

    def __init__(self) -> None:
        self._made: dict[str, Draft] = {}
        self._nodes: list[Node] = []
        self._specs: dict[str, Spec] = {}

    def add(
        self,
        item: Item | None,
        operator: Operator,
        inputs: Sequence[str],
        weights: Mapping[str, KnownOrArray],
    ) -> str:
        """A new one; returns its key.

        Raises:
            ShapeError, SettingError: it does not fit what reaches it.
        """
        key = f"n{len(self._made)}"
        self._put(key, item, operator, inputs, weights)
        return key

    def replace(self, key: str, operator: Operator, weights: Mapping[str, KnownOrArray]) -> str:
        """Another operator at the same place, with these weights more."""
        old = self._made[key]
        self._put(key, old.item, operator, old.node.inputs, {**old.weights, **weights})
        made = self._made[key]
        self._made[key] = replace(made, origins={**old.origins, **made.origins})
        return key

    def _put(
        self,
        key: str,
        item: Item | None,
        operator: Operator,
        inputs: Sequence[str],
        weights: Mapping[str, KnownOrArray],
    ) -> None:
        node = Node(key, operator, tuple(inputs))
        spec = inferred(node, self._nodes, self._specs)
        wanted = operator.weights(*(self._specs[each] for each in inputs))
        arrays = {name: _float(array(given)) for name, given in weights.items()}
        for name, weight in wanted.items():
            if name not in arrays or arrays[name].shape != weight.shape:
                found = "x".join(map(str, arrays[name].shape)) if name in arrays else "missing"
                needed = "x".join(map(str, weight.shape))
                raise ShapeError(f"its {name} is {found}, where {needed} is needed")
        shared = {
            name: given.weight
            for name, given in weights.items()
            if isinstance(given, Known) and given.shared
        }
        self._made[key] = Draft(node, item, arrays, shared)
        self._specs[key] = spec
        self._nodes.append(node)

    def spec(self, key: str) -> Spec:
        """What comes out of one."""
        return self._specs[key]

    def __getitem__(self, key: str) -> Draft:
        return self._made[key]

    def operator(self, key: str) -> Operator:
        """The operator of one."""
        return self._made[key].node.operator

    def inputs(self, key: str) -> tuple[str, ...]:
        """The keys that one reads."""
        return self._made[key].node.inputs

    def kept(self, ends: Sequence[str]) -> list[Draft]:
        """Those that the ends depend on, in order."""
        needed = reached(ends, self.inputs)
        return [each for key, each in self._made.items() if key in needed]


def _float(given: Array) -> Array:
    return given if given.dtype == np.float32 else given.astype(np.float32)
