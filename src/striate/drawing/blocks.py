"""A network as the blocks that a figure shows: in series, in parallel, and repeated.

What is in series and what in parallel is said by `notation.structure`, as for the canonical text.
A box holds a layer and what follows it without weights of another kind: CONV, BATCHNORM, RELU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from striate.graph import Graph, Node, Spec
from striate.notation import operator_text
from striate.notation.structure import Structure

FOLLOWERS = ("activation", "normalization")
"""Families whose nodes stand in the box of the layer before them."""

LONGEST_BLOCK = 24
"""Items of a block that is looked for again behind itself."""

MOST_OPEN = 60
"""Boxes of a figure whose branches are all drawn; of more, branches are lines in one box."""


@dataclass(frozen=True)
class Box:
    """Nodes in series that are drawn as one box.

    Two boxes are equal where they say the same; their names do not count.

    Args:
        nodes: their names, in calculating order.
        lines: their operators as the notation writes them.
        family: the folder of `ops` that the first one lies in; `reference` for a box that only
            says where a chain goes on from.
        output: what the last one makes.
        parameters: trainable numbers of their own.
        is_fed: whether anything comes into it from above.
    """

    nodes: tuple[str, ...] = field(compare=False)
    lines: tuple[str, ...]
    family: str
    output: Spec
    parameters: int
    is_fed: bool = True


@dataclass(frozen=True)
class Parallel:
    """Branches from one value, side by side, and the box that brings them together.

    An empty branch passes the value on.
    """

    branches: tuple[Series, ...]
    merge: Box


@dataclass(frozen=True)
class FoldedBlocks:
    """Equal blocks in a row: the first one, and the others for their names."""

    body: Series
    others: tuple[Series, ...] = field(compare=False)

    @property
    def times(self) -> int:
        """How many there are."""
        return 1 + len(self.others)


DrawnItem: TypeAlias = Box | Parallel | FoldedBlocks
Series: TypeAlias = tuple[DrawnItem, ...]


def boxes(items: Iterable[DrawnItem]) -> Iterator[Box]:
    """The boxes that are drawn: of a repeated block those of the first."""
    for item in items:
        if isinstance(item, Box):
            yield item
        elif isinstance(item, FoldedBlocks):
            yield from boxes(item.body)
        else:
            for branch in item.branches:
                yield from boxes(branch)
            yield item.merge


def nodes(items: Iterable[DrawnItem]) -> Iterator[str]:
    """The name of every node that items stand for, those of repeated blocks too."""
    return (name for box in _all_boxes(items) for name in box.nodes)


def _all_boxes(items: Iterable[DrawnItem]) -> Iterator[Box]:
    for item in items:
        if isinstance(item, Box):
            yield item
        elif isinstance(item, FoldedBlocks):
            for body in (item.body, *item.others):
                yield from _all_boxes(body)
        else:
            for branch in item.branches:
                yield from _all_boxes(branch)
            yield item.merge


def last_nodes(graph: Graph) -> tuple[str, ...]:
    """What each block ends in, with branches as one block, those of repeated blocks too."""
    found = [
        box.nodes[-1]
        for each in chains(graph, is_open=False)
        for box in _all_boxes(each)
        if box.nodes
    ]
    return tuple(dict.fromkeys(found))


def chains(graph: Graph, *, is_open: bool | None = None) -> tuple[Series, ...]:
    """A network as chains of blocks: the main one first, then side exits and what lends weights.

    Args:
        is_open: draw every branch (True), or branches as lines of one box (False); None decides by
            how many boxes there would be.
    """
    raw = tuple(_Builder(graph).chains())
    opened = tuple(map(repeated, raw))
    if is_open is None:
        is_open = sum(1 for each in opened for _ in boxes(each)) <= MOST_OPEN
    return opened if is_open else tuple(repeated(_closed(each)) for each in raw)


class _Builder:
    """Reads the blocks off one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._structure = Structure(graph)
        self._done: set[str] = set()

    def chains(self) -> list[Series]:
        cuts = [self._chain(name, None) for name in self._structure.cuts]
        main = self._chain(self._graph.nodes[-1].name, None)
        exits = [self._chain(each.node, None) for each in self._graph.auxiliary]
        return [main, *(each for each in (*exits, *cuts) if each)]

    def _chain(self, target: str, current: str | None) -> Series:
        todo: list[str] = []
        start: str | None = target
        while start is not None and start not in self._done:
            todo.append(start)
            start = self._structure.dominator[start]
        if not todo and current is None:
            return ()
        items: list[DrawnItem] = [] if start in (None, current) else [self._reference(str(start))]
        waiting: list[Node] = []
        value = start
        for name in reversed(todo):
            node = self._graph[name]
            if self._structure.implied(node):
                waiting.append(node)
            else:
                self._add(items, [*waiting, node], value)
                waiting = []
            self._done.add(name)
            value = name
        return (*items, *(self._box([each]) for each in waiting))

    def _reference(self, name: str) -> Box:
        spec = self._graph.specs[name]
        return Box((), (f"from {name}",), "reference", spec, 0, is_fed=False)

    def _add(self, items: list[DrawnItem], found: list[Node], value: str | None) -> None:
        """Put nodes behind the items: into the last box, as one of their own, or as branches."""
        node = found[-1]
        if len(node.inputs) > 1:
            branches = tuple(self._chain(each, value) for each in node.inputs)
            items.append(Parallel(branches, self._box(found)))
        elif items and family_of(node) in FOLLOWERS:
            items[-1:] = self._behind(items[-1], self._box(found))
        else:
            items.append(self._box(found))

    def _behind(self, last: DrawnItem, more: Box) -> Series:
        """What follows a layer: in the box of it, where there is one."""
        if isinstance(last, Parallel):
            return (replace(last, merge=_joined(last.merge, more)),)
        if isinstance(last, Box) and last.family not in ("input", "reference"):
            return (_joined(last, more),)
        return last, more

    def _box(self, found: list[Node]) -> Box:
        graph = self._graph
        lines = []
        for node in found:
            axes = len(graph.specs[node.inputs[0]].spatial) if node.inputs else 1
            lines.append(operator_text(node.operator, axes=axes, shares=node.shares))
        weights = [weight for node in found for weight in graph.own_weights(node).values()]
        return Box(
            tuple(node.name for node in found),
            tuple(lines),
            family_of(found[-1]),
            graph.specs[found[-1].name],
            sum(weight.size for weight in weights if weight.trainable),
            bool(found[0].inputs),
        )


def family_of(node: Node) -> str:
    """The folder of `ops` that an operator lies in, the kind of layer that it is."""
    return "input" if node.operator.is_input else type(node.operator).__module__.split(".")[2]


def _joined(first: Box, second: Box) -> Box:
    return replace(
        first,
        nodes=first.nodes + second.nodes,
        lines=first.lines + second.lines,
        output=second.output,
        parameters=first.parameters + second.parameters,
    )


def repeated(items: Sequence[DrawnItem]) -> Series:
    """Equal blocks in a row as one `FoldedBlocks` each, the shortest blocks first."""
    found = [
        replace(each, branches=tuple(map(repeated, each.branches)))
        if isinstance(each, Parallel)
        else each
        for each in items
    ]
    length = 1
    while length <= min(LONGEST_BLOCK, len(found) // 2):
        shorter = _repeated_by(found, length)
        length += len(shorter) == len(found)
        found = shorter
    return tuple(found)


def _repeated_by(items: list[DrawnItem], length: int) -> list[DrawnItem]:
    found: list[DrawnItem] = []
    at = 0
    while at < len(items):
        block = items[at : at + length]
        times = 1
        while items[at + times * length :][:length] == block:
            times += 1
        if times == 1 or len(block) < length:
            found.append(items[at])
            at += 1
            continue
        starts = range(at + length, at + times * length, length)
        found.append(
            FoldedBlocks(tuple(block), tuple(tuple(items[k : k + length]) for k in starts))
        )
        at += times * length
    return found


def _closed(items: Iterable[DrawnItem]) -> Series:
    """Items with all branches as lines of one box."""
    return tuple(_as_box(each) if isinstance(each, Parallel) else each for each in items)


def _as_box(item: Parallel) -> Box:
    inside = list(_all_boxes([item]))
    branches = ("| " + (written(branch) or "pass") for branch in item.branches)
    return replace(
        item.merge,
        nodes=tuple(name for box in inside for name in box.nodes),
        lines=(*branches, *item.merge.lines),
        parameters=sum(box.parameters for box in inside),
    )


def written(items: Iterable[DrawnItem]) -> str:
    """Items in one line, as in the notation.

    >>> from striate.notation import parse
    >>> written(chains(parse("INPUT 1x8x8 -> { CONV 1 1x1 -> RELU | PASS } ADD -> FC 4"))[0])
    'INPUT 1x8x8 → { CONV 1 1x1 → RELU | pass } ADD → FLATTEN → FC 4'
    """
    parts: list[str] = []
    for item in items:
        if isinstance(item, Box):
            parts += item.lines
        elif isinstance(item, FoldedBlocks):
            parts.append(f"[{written(item.body)}]×{item.times}")
        else:
            inside = " | ".join(written(branch) or "pass" for branch in item.branches)
            first, *others = item.merge.lines
            parts += [f"{{ {inside} }} {first}", *others]
    return " → ".join(parts)
