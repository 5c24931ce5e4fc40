"""Putting a graph together node by node: what notation, builder and importers share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from striate.graph.check import inferred
from striate.graph.graph import Auxiliary, Graph, Node
from striate.graph.operator import Operator
from striate.graph.spec import Spec


class Assembly:
    """A graph in the making. Names are given here, and FLATTEN is put where FC needs it.

    Unnamed nodes are called by their operator's label and a count: conv1, relu1, conv2.
    """

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._specs: dict[str, Spec] = {}
        self._counts: dict[str, int] = {}
        self._auxiliary: list[Auxiliary] = []

    def add(
        self, operator: Operator, inputs: Sequence[str] = (), name: str = "", shares: str = ""
    ) -> str:
        """Append a node (and what it needs before it); returns its name.

        The node `shares`, whose weights it uses, may be added later.

        Raises:
            ShapeError, SettingError: it does not fit what reaches it.
        """
        before = operator.before(*(self._specs[each] for each in inputs))
        if before is not None:
            inputs = [self.add(before, [each]) for each in inputs]
        node = Node(name or self.fresh(operator), operator, tuple(inputs), shares)
        self._specs[node.name] = inferred(node, self._nodes, self._specs)
        self._nodes.append(node)
        return node.name

    def fresh(self, operator: Operator) -> str:
        """The next free name for an unnamed node."""
        while True:
            number = self._counts[operator.label] = self._counts.get(operator.label, 0) + 1
            plain = number == 1 and not operator.numbered
            name = operator.label if plain else f"{operator.label}{number}"
            if name not in self._specs:
                return name

    def folder(self, label: str) -> str:
        """The next free name for an unnamed composition, before the dots of its nodes' names."""
        names = (f"{label}{k}" for k in count(1))
        return next(name for name in names if not self.has_folder(name))

    def has_folder(self, name: str) -> bool:
        """Whether names begin with this one and a dot."""
        return any(each.startswith(f"{name}.") for each in self._specs)

    def spec(self, name: str) -> Spec:
        """The output spec of a node added before."""
        return self._specs[name]

    def __contains__(self, name: object) -> bool:
        return name in self._specs

    def exit(self, node: str, weight: float) -> None:
        """Let the value of `node` leave as an auxiliary output."""
        self._auxiliary.append(Auxiliary(node, weight))

    def graph(self, output: str = "") -> Graph:
        """The finished graph; `output`, or else the node added last, is what it answers."""
        ends = [node for node in self._nodes if node.name == output]
        nodes = [node for node in self._nodes if node.name != output]
        return Graph((*nodes, *ends), tuple(self._auxiliary))
