"""From a graph to its canonical text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from striate.graph import Graph, Node
from striate.graph.spec import Spec
from striate.notation.forms import AUX, PASS
from striate.notation.structure import Structure
from striate.notation.values import write
from striate.notation.writing import operator_text

WIDTH = 100
LONGEST_BLOCK = 64
LEADERS = ("CONV", "FC", "{", "[")
MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[{|}]')


def text(graph: Graph) -> str:
    """The canonical text of a graph: `parse(text(graph)) == graph`.

    Repeated blocks are rolled up, names that would be given anyway and implied FLATTENs left out.

    >>> from striate.notation import parse
    >>> text(parse("INPUT 3x9x9 -> conv1: CONV 6 3 -> RELU -> CONV 6 3 -> RELU -> FLATTEN -> FC 4"))
    'INPUT 3x9x9 -> [CONV 6 3x3 -> RELU]*2 -> FC 4'
    """
    return ";\n".join(_wrapped(_rolled(elements)) for elements in Printer(graph).statements())


class Printer:
    """Prints the nodes of one graph in the order in which the parser will name them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.structure = Structure(graph)
        self.counts: Counter[str] = Counter()
        self.emitted: set[str] = set()
        self.pending = list(reversed(graph.auxiliary))
        self.with_exits = False

    def statements(self) -> list[list[str]]:
        """Each chain of the text as its elements."""
        chains = [self._chain(cut, None) for cut in self.structure.cuts]
        self.with_exits = True
        output = self.graph.nodes[-1].name
        last = self._chain(output, None)
        while self.pending:
            last.append(self._exit(output))
        return [*chains, last]

    def _chain(self, target: str, current: str | None) -> list[str]:
        """The elements from the value `current` to `target`."""
        todo = []
        start: str | None = target
        while start is not None and start not in self.emitted:
            todo.append(start)
            start = self.structure.dominator[start]
        elements = [] if start in (None, current) else [f"@{start}"]
        value = current if start is None else start
        for name in reversed(todo):
            elements += [*self._node(self.graph[name], value), *self._exits(name)]
            value = name
        return elements

    def _node(self, node: Node, value: str | None) -> list[str]:
        if self.structure.implied(node) and self._given(node)[0] == node.name:
            self._emit(node)
            return []
        if len(node.inputs) < 2:
            return [self._emit(node)]
        branches = [" -> ".join(_rolled(self._chain(each, value))) for each in node.inputs]
        inside = " | ".join(branch or PASS for branch in branches)
        return [f"{{ {inside} }} {self._emit(node)}"]

    def _emit(self, node: Node) -> str:
        """The operator of a node, with its name when another would be given."""
        given, count = self._given(node)
        self.emitted.add(node.name)
        axes = _axes(self.graph.specs, node)
        written = operator_text(node.operator, axes=axes, shares=node.shares)
        if given != node.name:
            return f"{node.name}: {written}"
        self.counts[node.operator.label] = count
        return written

    def _given(self, node: Node) -> tuple[str, int]:
        """The name that the parser would give, as `Assembly.fresh` does, and its count."""
        label = node.operator.label
        count = self.counts[label]
        while True:
            count += 1
            plain = count == 1 and not node.operator.numbered
            name = label if plain else f"{label}{count}"
            if name not in self.emitted:
                return name, count

    def _exits(self, name: str) -> list[str]:
        """The side exits that are complete at a node of the main way, as it is their turn."""
        found = []
        if self.with_exits and name in self.structure.main:
            while self.pending and self.structure.leaves(self.pending[-1].node) <= self.emitted:
                found.append(self._exit(name))
        return found

    def _exit(self, current: str) -> str:
        auxiliary = self.pending.pop()
        branch = " -> ".join(_rolled(self._chain(auxiliary.node, current)))
        weight = "" if auxiliary.weight == 1 else f" {write(auxiliary.weight)}"
        return f"{{ {branch or PASS} }} {AUX}{weight}"


def _axes(specs: Mapping[str, Spec], node: Node) -> int:
    return len(specs[node.inputs[0]].spatial) if node.inputs else 1


def _rolled(elements: list[str]) -> list[str]:
    """Equal blocks in a row as [ … ]*n, the shortest blocks first."""
    length = 1
    while length <= min(LONGEST_BLOCK, len(elements) // 2):
        shorter = _rolled_by(elements, length)
        length += len(shorter) == len(elements)
        elements = shorter
    return elements


def _rolled_by(elements: list[str], length: int) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(elements):
        end = at + length
        while end < len(elements) and elements[end] == elements[end - length]:
            end += 1
        times, rest = divmod(end - at, length)
        if times < 2:
            found.append(elements[at])
            at += 1
            continue
        lead = _lead(elements[at : at + rest + 1])
        start = at + lead
        block = elements[start : start + length]
        found += [*elements[at:start], f"[{' -> '.join(block)}]*{times}"]
        at = start + times * length
    return found


def _lead(starts: list[str]) -> int:
    """Which of several equally good starts a block has: a layer with weights, if there is one."""
    leaders = (k for k, each in enumerate(starts) if each.startswith(LEADERS))
    return next(leaders, 0)


def _wrapped(elements: list[str]) -> str:
    """The elements joined by arrows, broken into lines when they do not fit into one."""
    whole = " -> ".join(elements)
    if len(whole) <= WIDTH:
        return whole
    lines = [_broken(elements[0])]
    for element in elements[1:]:
        if len(lines[-1].rpartition("\n")[2]) + len(element) + 4 <= WIDTH:
            lines[-1] += f" -> {element}"
        else:
            lines.append(_broken(f"-> {element}"))
    return "\n".join(lines)


def _broken(line: str) -> str:
    """A line that is too long, broken before the bars of its outermost braces."""
    if len(line) <= WIDTH:
        return line
    depth, bars = 0, []
    for found in MARKS.finditer(line):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if found[0] == "|":
            bars.append((depth, found.start()))
    outermost = min((each for each, _ in bars), default=0)
    for each, place in reversed(bars):
        if each == outermost:
            line = f"{line[: place - 1]}\n   {line[place:]}"
    return line
