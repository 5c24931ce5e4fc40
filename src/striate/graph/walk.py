"""Orders and ways through a graph's nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from striate.errors import GraphError, did_you_mean

if TYPE_CHECKING:
    from striate.graph.graph import Auxiliary, Node


def ordered(nodes: Sequence[Node], auxiliary: Iterable[Auxiliary]) -> tuple[Node, ...]:
    """`nodes` in the order of a depth-first walk: side exits first, the last node last.

    Raises:
        GraphError: no nodes, a name twice, an unknown input, a cycle, a node that leads nowhere,
            or a side exit behind the output.
    """
    if not nodes:
        raise GraphError("a network needs at least an input", remedy="Start with INPUT 1x28x28.")
    by_name = {node.name: node for node in nodes}
    if len(by_name) < len(nodes):
        twice = next(n.name for k, n in enumerate(nodes) if n.name in {m.name for m in nodes[:k]})
        raise GraphError(f"two nodes are called {twice}", remedy="Give one of them another name.")
    found: dict[str, Node] = {}
    for target in (*(exit_.node for exit_ in auxiliary), nodes[-1].name):
        _visit(target, by_name, found)
    lost = [node.name for node in nodes if node.name not in found]
    if lost:
        raise GraphError(
            f"{lost[0]} leads nowhere: no output depends on it",
            remedy="Connect it, or leave it out.",
        )
    last = next(reversed(found))
    if last != nodes[-1].name:
        raise GraphError(
            f"{last} is a side exit that depends on the output {nodes[-1].name}",
            remedy="Let it leave before the output, or make it the output.",
        )
    return tuple(found.values())


def _visit(target: str, by_name: Mapping[str, Node], found: dict[str, Node]) -> None:
    """Append `target` to `found` after all it depends on; iterative, as networks are deep."""
    waiting = [(target, "")]
    open_: set[str] = set()
    while waiting:
        name, reader = waiting[-1]
        if name in found:
            waiting.pop()
            continue
        if name not in by_name:
            does = _verb(by_name, reader, name)
            raise GraphError(
                f"{reader or 'an exit'} {does} {name}, which does not exist",
                remedy=did_you_mean(name, by_name),
            )
        node = by_name[name]
        missing = [each for each in node.needs if each not in found]
        if not missing:
            found[name] = node
            waiting.pop()
            continue
        if name in open_:
            raise GraphError(f"{name} depends on itself", remedy=_acyclic(by_name.values()))
        open_.add(name)
        waiting += [(each, name) for each in reversed(missing)]


def _verb(by_name: Mapping[str, Node], reader: str, name: str) -> str:
    shares = reader in by_name and by_name[reader].shares == name
    return "shares the weights of" if shares else "reads"


def _acyclic(nodes: Iterable[Node]) -> str:
    if any(node.shares for node in nodes):
        return "No cycles: a node shares the weights of another that does not depend on it."
    return "A network has no cycles."


def reached(names: Iterable[str], onward: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """`names`, and whatever can be reached from them by going `onward`."""
    waiting, found = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += onward(name)
    return frozenset(found)


def way(nodes: Iterable[Node], specs: Mapping[str, object], last: Node) -> str:
    """The way to `last` along first inputs, with sizes: 1x28x28 -> conv1 6x24x24 -> pool1.

    Long ways are shortened in the middle.
    """
    by_name = {node.name: node for node in nodes}
    steps = [last.name]
    name = last.inputs[0] if last.inputs else None
    while name is not None:
        node = by_name[name]
        steps.append(f"{name} {specs[name]}" if node.inputs else f"{specs[name]}")
        name = node.inputs[0] if node.inputs else None
    steps.reverse()
    if len(steps) > 7:
        steps = [steps[0], "…", *steps[-5:]]
    return " -> ".join(steps)
