"""The order of calls that computes some nodes of a graph, and where each value is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from torch import Tensor, nn

from striate.graph import Graph, Node
from striate.pytorch.modules import ABSENT

ModuleCall: TypeAlias = Callable[..., Tensor]
"""Computes nodes: called with their modules in order, then with the inputs' values."""


class Unit(NamedTuple):
    """Nodes computed by one call: `call(*modules, *inputs)`.

    The inputs are those of the first node, then `more` that others read.
    """

    nodes: tuple[Node, ...]
    call: ModuleCall
    more: tuple[str, ...] = ()


Grouping: TypeAlias = Callable[[Graph, Sequence[Node], Sequence[str]], Iterable[Unit]]
"""From a graph, the nodes to compute in order, and the exits, to the calls that compute them."""


class PlannedCall(NamedTuple):
    """One call, with the modules at `paths` and the values in slots `reads`, into slot `write`.

    The slots `drops` are emptied after it, so that memory is free as early as by hand.
    """

    call: ModuleCall
    paths: tuple[tuple[str, ...], ...]
    reads: tuple[int, ...]
    write: int
    drops: tuple[int, ...]


class Plan(NamedTuple):
    """Calls in order; `empty` are the slots beside those of the inputs."""

    steps: tuple[PlannedCall, ...]
    results: tuple[int, ...]
    empty: tuple[None, ...]


def planned(
    graph: Graph,
    exits: Sequence[str],
    *,
    converted: Collection[str] = (),
    grouped: Grouping | None = None,
) -> Plan:
    """How to compute the nodes `exits`, and nothing that they do not need.

    Args:
        converted: inputs that something is computed for.
        grouped: which nodes one call computes; None for one call per node.
    """
    needed = graph.ancestors(exits)
    nodes = [
        node
        for node in graph
        if node.name in needed and (type(node.operator) not in ABSENT or node.name in converted)
    ]
    calls = list((grouped or one_by_one)(graph, nodes, exits))
    last_use = {name: k for k, unit in enumerate(calls) for name in _reads(graph, unit)}
    last_use |= dict.fromkeys(exits, len(calls))
    shelf = _Shelf([node.name for node in graph.inputs])
    steps = []
    for k, unit in enumerate(calls):
        reads = tuple(shelf.slots[name] for name in _reads(graph, unit))
        dying = [name for name in dict.fromkeys(_reads(graph, unit)) if last_use[name] == k]
        write, drops = shelf.store(unit.nodes[-1].name, dying)
        paths = tuple(
            tuple(n.name.split(".")) for n in unit.nodes if type(n.operator) not in ABSENT
        )
        steps.append(PlannedCall(unit.call, paths, reads, write, drops))
    results = tuple(shelf.slots[name] for name in exits)
    return Plan(tuple(steps), results, (None,) * (shelf.size - len(graph.inputs)))


def one_by_one(_graph: Graph, nodes: Sequence[Node], _exits: Sequence[str]) -> Iterable[Unit]:
    """A call of its own for each node."""
    return (Unit((node,), alone) for node in nodes)


def alone(module: nn.Module, *inputs: Tensor) -> Tensor:
    """The value of a single node."""
    value: Tensor = module(*inputs)
    return value


class _Shelf:
    """Slots for values; one that is not needed any more makes room for the next."""

    def __init__(self, names: Sequence[str]) -> None:
        self.slots = {name: k for k, name in enumerate(names)}
        self.size = len(names)
        self._free: list[int] = []

    def store(self, name: str, dying: Sequence[str]) -> tuple[int, tuple[int, ...]]:
        """The slot for `name`, and the slots to empty once the values `dying` were read."""
        if name in self.slots:  # a converted input replaces itself
            return self.slots[name], ()
        gone = [self.slots[each] for each in dying]
        self._free += gone
        if not self._free:
            self._free.append(self.size)
            self.size += 1
        write = self.slots[name] = self._free.pop()
        return write, tuple(slot for slot in gone if slot != write)


def reads(graph: Graph, node: Node) -> tuple[str, ...]:
    """What the module of a node is called with.

    A converted input reads itself, and a value that is there without an input reads the pictures:
    there is one of it for each of them.
    """
    without = node.name if node.operator.is_input else graph.inputs[0].name
    return node.inputs or (without,)


def _reads(graph: Graph, unit: Unit) -> tuple[str, ...]:
    """The values a unit needs."""
    return reads(graph, unit.nodes[0]) + unit.more
