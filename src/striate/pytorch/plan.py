"""The order of calls that computes some nodes of a graph, and where each value is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from striate.graph import Graph, Node
from striate.pytorch.modules import ABSENT


class Step(NamedTuple):
    """One call: module `path` of the values in slots `reads`, into slot `write`.

    The slots `drops` are emptied after it, so that memory is free as early as by hand.
    """

    path: tuple[str, ...]
    reads: tuple[int, ...]
    write: int
    drops: tuple[int, ...]


class Plan(NamedTuple):
    """Steps in order; `empty` are the slots beside those of the inputs."""

    steps: tuple[Step, ...]
    results: tuple[int, ...]
    empty: tuple[None, ...]


def planned(graph: Graph, exits: Sequence[str]) -> Plan:
    """How to compute the nodes `exits`, and nothing that they do not need."""
    needed = _needed(graph, exits)
    nodes = [node for node in graph if node.name in needed]
    last_use = {name: k for k, node in enumerate(nodes) for name in (node.name, *node.inputs)}
    last_use |= dict.fromkeys(exits, len(nodes))
    slots = {node.name: k for k, node in enumerate(graph.inputs)}
    free: list[int] = []
    steps = []
    count = len(slots)
    for k, node in enumerate(nodes):
        if type(node.operator) in ABSENT:
            continue
        dying = [slots[name] for name in dict.fromkeys(node.inputs) if last_use[name] == k]
        free += dying
        if not free:
            free, count = [count], count + 1
        slots[node.name] = write = free.pop()
        drops = tuple(slot for slot in dying if slot != write)
        steps.append(_step(node, slots, write, drops))
    results = tuple(slots[name] for name in exits)
    return Plan(tuple(steps), results, (None,) * (count - len(graph.inputs)))


def _step(node: Node, slots: dict[str, int], write: int, drops: tuple[int, ...]) -> Step:
    reads = tuple(slots[name] for name in node.inputs)
    return Step(tuple(node.name.split(".")), reads, write, drops)


def _needed(graph: Graph, exits: Sequence[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(exits)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name].inputs
    return found
