"""What is in series and what in parallel in a graph: dominators, side exits, nesting."""

from __future__ import annotations

from striate.graph import Graph, Node

DEEPEST = 12
"""Braces within braces that are printed before a chain of its own is begun."""


class Structure:
    """The dominators of every node.

    Args:
        graph: any graph.

    Attributes:
        dominator: the nearest node that every way from an input to this one goes through, or
            None.
        main: the nodes that the output needs.
        cuts: nodes to print as chains of their own: those that only lend their weights, and some so
            that braces nest less than DEEPEST deep.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.dominator: dict[str, str | None] = {}
        self.cuts: list[str] = []
        self._free: set[str] = set()  # what no picture reaches
        self._depth: dict[str, int] = {}
        self._nesting: dict[str, int] = {}
        self._ends = {graph.nodes[-1].name, *(each.node for each in graph.auxiliary)}
        for node in graph:
            self._place(node)
        self.main = graph.sources([graph.nodes[-1].name])

    def _place(self, node: Node) -> None:
        reached_by = tuple(name for name in node.inputs if name not in self._free)
        if not node.operator.is_input and not reached_by:
            self._free.add(node.name)
        above = self._common(reached_by or node.inputs)
        self.dominator[node.name] = above
        self._depth[node.name] = 0 if above is None else self._depth[above] + 1
        nesting = 0
        if len(node.inputs) > 1:
            nesting = 1 + max(self._nesting_between(above, each) for each in node.inputs)
        lends = not self.graph.consumers[node.name] and node.name not in self._ends
        if lends or nesting >= DEEPEST:
            self.cuts.append(node.name)
            nesting = 0
        self._nesting[node.name] = nesting

    def _common(self, names: tuple[str, ...]) -> str | None:
        """The nearest node that dominates (or is) all of `names`."""
        if not names:
            return None
        found: str | None = names[0]
        for name in names[1:]:
            other: str | None = name
            while found != other:
                if found is None or other is None:
                    return None
                if self._depth[found] >= self._depth[other]:
                    found = self.dominator[found]
                else:
                    other = self.dominator[other]
        return found

    def _nesting_between(self, above: str | None, below: str) -> int:
        most = 0
        name: str | None = below
        while name is not None and name != above:
            most = max(most, self._nesting[name])
            name = self.dominator[name]
        return most

    def leaves(self, exit_: str) -> set[str]:
        """The nodes of the main way that a side exit starts from."""
        if exit_ in self.main:
            return {exit_}
        aside = self.graph.sources([exit_]) - self.main
        return {name for each in aside for name in self.graph[each].inputs if name in self.main}

    def implied(self, node: Node) -> bool:
        """Whether the only reader of `node` would put it there by itself."""
        readers = self.graph.consumers[node.name]
        if len(node.inputs) != 1 or len(readers) != 1:
            return False
        if any(each.node == node.name for each in self.graph.auxiliary):
            return False
        reader = self.graph[readers[0]]
        before = self.graph.specs[node.inputs[0]]
        return len(reader.inputs) == 1 and reader.operator.before(before) == node.operator
