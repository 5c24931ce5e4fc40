"""What changed from one network to another, node by node, as far as structure says it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from striate.analysis.compare.alignment import Meaning, Pair, aligned, meaning
from striate.display import shape_text
from striate.graph import Graph, Node
from striate.ops import Add, BatchNorm, Multiply

SAME, CHANGED, ADDED, REMOVED, FOLDED = "same", "changed", "added", "removed", "folded"

_ANY_ORDER = (Add, Multiply)
"""Operators whose inputs may stand in any order."""


@dataclass(slots=True)
class Match:
    """A node of each network, or of one alone.

    Args:
        a, b: their names; empty where a network has none.
        kind: SAME, CHANGED, ADDED (to the second), REMOVED (from the first), or FOLDED: written in
            another way, or part of another node.
        what: the change in words.
        holds: the name of the node that was folded into it, whose match has the values.
    """

    a: str
    b: str
    kind: str
    what: str = ""
    holds: str = ""


class Aligned:
    """Two networks as they predict, with the matches of their nodes in calculating order."""

    def __init__(self, a: Graph, b: Graph) -> None:
        self.a, self.b = a.upto(a.scores.name), b.upto(b.scores.name)
        self._meanings = [{node.name: meaning(g, node) for node in g} for g in (self.a, self.b)]
        pairs = _replaced(aligned(self.a, self.b))
        self._to_b = {x.name: y.name for x, y in pairs if x and y}
        self._to_a = {y: x for x, y in self._to_b.items()}
        self.matches = [self._match(x, y) for x, y in pairs]
        self._fold(self.a, self._meanings[0], self._to_b)
        self._fold(self.b, self._meanings[1], self._to_a)

    def runs(self) -> Iterator[list[Match]]:
        """Matches that follow each other and are not the same."""
        run: list[Match] = []
        for match in (*self.matches, Match("", "", SAME)):
            if match.kind != SAME:
                run.append(match)
            elif run:
                yield run
                run = []

    def has_other_kernel(self, match: Match) -> bool:
        """Whether both nodes of a match are one operator with kernels of other sizes."""
        mine, other = self._meanings[0].get(match.a), self._meanings[1].get(match.b)
        if mine is None or other is None or mine.kind != other.kind:
            return False
        return mine.windows != other.windows and mine.weights != other.weights

    def _match(self, x: Node | None, y: Node | None) -> Match:
        mine, others = self._meanings
        if x and y:
            what = self._change(x, y, mine[x.name], others[y.name])
            return Match(x.name, y.name, CHANGED if what else SAME, what)
        if x:
            return Match(x.name, "", REMOVED, _written(mine[x.name]))
        name = y.name if y else ""
        return Match("", name, ADDED, _written(others[name]))

    def _change(self, x: Node, y: Node, mine: Meaning, other: Meaning) -> str:
        if not mine.is_same(other):
            if mine.text != other.text:
                return f"{mine.text} -> {other.text}"
            before, after = dict(mine.weights), dict(other.weights)
            return ", ".join(
                f"{name} {shape_text(before[name])} -> {shape_text(after[name])}"
                for name in before
                if name in after and before[name] != after[name]
            )
        reads = [_sources(self.a, each, self._to_b) for each in x.inputs]
        wanted = [_sources(self.b, each, self._to_a) for each in y.inputs]
        read = [{self._to_b.get(each, "") for each in sources} for sources in reads]
        if isinstance(x.operator, _ANY_ORDER):
            read.sort(key=sorted)
            wanted.sort(key=sorted)
        if len(read) == len(wanted) and all(map(set.intersection, read, wanted)):
            return ""
        return f"reads {', '.join(y.inputs)} instead of {', '.join(x.inputs)}"

    def _fold(self, graph: Graph, own: dict[str, Meaning], to: dict[str, str]) -> None:
        """Nodes of one network that do nothing in it, or that are part of another in the other."""
        is_first = to is self._to_b
        others = self._meanings[1 if is_first else 0]
        by_name = {(match.a if is_first else match.b): match for match in self.matches}
        for node in graph:
            match = by_name[node.name]
            if node.name in to:
                continue
            if node.operator.passes_on:
                match.kind, match.what = FOLDED, f"{match.what}: does nothing when it predicts"
            elif isinstance(node.operator, BatchNorm) and node.inputs[0] in to:
                before = node.inputs[0]
                if own[before].takes_in(others[to[before]]):
                    _fold_into(match, by_name[before], node.name)


def _fold_into(match: Match, into: Match, name: str) -> None:
    """A normalization as part of the layer before it, which has its values in the other network."""
    match.kind, match.what = FOLDED, "BN, part of the layer before it"
    match.a, match.b = match.a or into.a, match.b or into.b
    into.kind, into.what, into.holds = SAME, "", name


def _sources(graph: Graph, name: str, to: dict[str, str]) -> set[str]:
    """The nodes with a counterpart whose values reach `name` by nodes without one; or itself."""
    found, waiting, seen = set[str](), [name], set[str]()
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if each in to:
            found.add(each)
        else:
            waiting += graph[each].inputs
    return found


def _written(of: Meaning) -> str:
    return f"{of.text}, {shape_text(of.output)}"


def _replaced(pairs: list[Pair]) -> list[Pair]:
    """The pairs, with nodes that took the place of as many others as changed ones."""
    found: list[Pair] = []
    for run in _runs(pairs):
        alone = [x for x, y in run if y is None], [y for x, y in run if x is None]
        if len(alone[0]) == len(alone[1]) == len(run) / 2 and _replace(*alone):
            found += zip(*alone, strict=True)
        else:
            found += run
    return found


def _replace(gone: list[Node | None], new: list[Node | None]) -> bool:
    return all(x and y and len(x.inputs) == len(y.inputs) for x, y in zip(gone, new, strict=True))


def _runs(pairs: list[Pair]) -> Iterator[list[Pair]]:
    """Pairs one by one, but together where nodes without a counterpart follow each other."""
    run: list[Pair] = []
    for x, y in pairs:
        if x and y:
            if run:
                yield run
            run = []
            yield [(x, y)]
        else:
            run.append((x, y))
    if run:
        yield run
