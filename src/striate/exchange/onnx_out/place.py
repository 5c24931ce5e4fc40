"""Where one node of a network is written: the ONNX nodes it becomes, and the numbers they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from striate.display import shape_text
from striate.exchange.onnx_package import package
from striate.graph import Graph, Node, Spec
from striate.ops.arrays import Array

BATCH = "batch/"
"""The value that is the number of pictures. No name of a node ends in a slash."""


@dataclass
class Sheet:
    """What has been written: ONNX nodes in order, and arrays by name."""

    nodes: list[Any] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    entrance: str = ""
    """A value that has the batch as its first axis."""

    def node(self, kind: str, inputs: tuple[str, ...], name: str, **attributes: Any) -> str:
        """Write a node whose name is that of its value."""
        made = package("onnx.helper").make_node(kind, inputs, [name], name=name, **attributes)
        self.nodes.append(made)
        return name

    def array(self, name: str, array: Array) -> str:
        """Keep an array, as float32 where it holds fractions; under one name it is kept once."""
        if name not in self.arrays:
            wide = array.dtype.kind == "f"
            self.arrays[name] = np.ascontiguousarray(array, dtype=np.float32 if wide else None)
        return name

    def batch(self) -> str:
        """The number of pictures, as an array of one number."""
        if not any(BATCH in each.output for each in self.nodes):
            self.node("Shape", (self.entrance,), BATCH, start=0, end=1)
        return BATCH


@dataclass
class NodeWriter:
    """A node of the network, and what it is written with.

    A row of the table makes of it what `put` answered last: the value of the node.

    Args:
        values: the names of the values that it reads.
        weights: the arrays that it computes with.
        name: of its own value.
    """

    sheet: Sheet
    graph: Graph
    node: Node
    values: tuple[str, ...]
    weights: Mapping[str, Array]
    name: str
    count: int = 0

    @property
    def x(self) -> str:
        """The value that is read first."""
        return self.values[0]

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The specs of what is read."""
        return self.graph.input_specs(self.node)

    @property
    def spec(self) -> Spec:
        """The spec of what is read first."""
        return self.specs[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the node's value, without the batch."""
        return self.graph.specs[self.node.name].shape

    def put(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """An ONNX node with one output, and the name of that value."""
        return self.sheet.node(kind, inputs, self._new(), **attributes)

    def put_second(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """An ONNX node of which only the second output is read, and the name of that value."""
        value = self.put(kind, *inputs, **attributes)
        outputs = self.sheet.nodes[-1].output
        outputs[:] = ["", value]
        return value

    def halves(self, value: str, axis: int) -> tuple[str, str]:
        """The two halves of a value along an axis."""
        names = [self._new(), self._new()]
        made = package("onnx.helper").make_node("Split", [value], names, name=names[0], axis=axis)
        self.sheet.nodes.append(made)
        return names[0], names[1]

    def number(self, value: float) -> str:
        """A constant number."""
        return self.constant(np.array(value, dtype=np.float32))

    def whole(self, *numbers: int) -> str:
        """Constant whole numbers: axes, sizes, places."""
        return self.constant(np.array(numbers, dtype=np.int64))

    def constant(self, array: Array) -> str:
        """A constant array."""
        return self.sheet.array(self._new(), array)

    def weight(self, name: str, form: str = "", to: Callable[[Array], Array] | None = None) -> str:
        """A weight, under the name of the node that keeps it; shared ones are one array.

        Args:
            name: of the weight.
            form, to: a word for another form of it, and what makes that form.
        """
        keeper = f"{self.graph.keeper(self.node, name)}.{name}"
        array = self.weights[name]
        return self.sheet.array(keeper + form, array if to is None else to(array))

    def shaped(self, name: str, *shape: int) -> str:
        """A weight with other axes, which spread over a value."""
        return self.weight(name, f"/{shape_text(shape)}", lambda w: w.reshape(shape))

    def moved_last(self, value: str, axes: tuple[int, ...], rank: int) -> tuple[str, list[int]]:
        """A value with some axes (the batch is 0) made the last, and the order to turn it back."""
        order = [k for k in range(rank) if k not in axes] + list(axes)
        back = sorted(range(rank), key=order.__getitem__)
        return self.turned(value, order), back

    def turned(self, value: str, order: list[int]) -> str:
        """The axes of a value in another order."""
        return value if order == sorted(order) else self.put("Transpose", value, perm=order)

    def along(self, value: str, axis: int, rank: int, matrix: Array) -> str:
        """The product of a matrix with the numbers along an axis; the batch is axis 0."""
        moved, back = self.moved_last(value, (axis,), rank)
        return self.turned(self.put("MatMul", moved, self.constant(matrix.T)), back)

    def end(self, value: str) -> None:
        """Give the node's name to the value that a row made."""
        last = self.sheet.nodes[-1]
        if list(last.output) != [value] or not value.startswith(f"{self.name}/"):
            self.sheet.node("Identity", (value,), self.name)
            return
        last.output[0] = last.name = self.name

    def _new(self) -> str:
        self.count += 1
        return f"{self.name}/{self.count}"


WriterRow: TypeAlias = Callable[[Any, NodeWriter], str]
"""From an operator and its place to the name of its value."""
