"""What runs a network at once, beside the plan of its modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from striate.engine import fast
from striate.engine.layered import bound
from striate.engine.patterns import Pattern, matched
from striate.engine.segments import Bound
from striate.fused.guard import Guard
from striate.graph import Graph, Node
from striate.pytorch.network import Network
from striate.pytorch.plan import Plan, Unit, planned
from striate.pytorch.recipe import ModuleRecipe

Joining = Callable[[Graph, list[Unit]], list[Unit]]
"""From a graph and its calls to fewer calls."""


def fast_plan(
    graph: Graph,
    exits: Sequence[str],
    made: Mapping[str, ModuleRecipe],
    patterns: Sequence[Pattern],
    join: Joining,
) -> Plan:
    """How to compute the exits of a reordered graph by few calls.

    Args:
        made: how the nodes' modules are made.
        patterns: chains of nodes that a segment stands for.
        join: makes segments of several calls.
    """

    def grouped(graph: Graph, nodes: Sequence[Node], exits: Sequence[str]) -> list[Unit]:
        single = list(fast.units(graph, nodes, made))
        return join(graph, list(matched(graph, single, patterns, exits)))

    return planned(graph, exits, converted=fast.laid_out(graph, made), grouped=grouped)


class BoundCall(NamedTuple):
    """A planned call with its modules looked up."""

    run: Bound
    reads: tuple[int, ...]
    write: int
    drops: tuple[int, ...]


class Engine:
    """A shortcut of a network: few calls instead of one for each module.

    It runs only where the guard sees that nobody can tell; what it has looked up and packed is
    kept until the guard sees a change. A copy, and a pickled one, looks again.

    Args:
        guard: of the network's modules.
        training, predicting: plans for the two modes.
    """

    def __init__(self, guard: Guard, training: Plan, predicting: Plan) -> None:
        self._guard, self._plans = guard, (predicting, training)
        self._seen: object = None
        self._bound: list[list[BoundCall] | None] = [None, None]

    def __reduce__(self) -> tuple[Any, ...]:
        return Engine, (self._guard, *reversed(self._plans))

    def __deepcopy__(self, _: dict[int, Any]) -> Engine:
        guard = Guard(self._guard.made, copied=self._guard.copied)
        return Engine(guard, *reversed(self._plans))

    def __call__(self, network: Network, inputs: tuple[Any, ...]) -> Any:
        """What the network answers with; None where its layers must run one by one."""
        calls = self.calls(network, inputs)
        if calls is None:
            return None
        plan = self._plans[network.training]
        if len(calls) == 1 == len(inputs) == len(calls[0].reads) == len(plan.results):
            return calls[0].run(*inputs)
        if not self._guard.copied:
            return _run(calls, plan, inputs)
        with torch.no_grad():
            return _run(calls, plan, inputs)

    def calls(self, network: Network, inputs: Sequence[Any]) -> list[BoundCall] | None:
        """The calls of the network's mode, in order; None where the guard says no."""
        seen = self._guard.look(network, inputs)
        if seen is None:
            return None
        if seen is not self._seen:
            self._seen, self._bound = seen, [None, None]
        mode = network.training
        found = self._bound[mode]
        if found is None:
            found = self._bound[mode] = [_bound(network, each) for each in self._plans[mode].steps]
            if self._guard.copied and len(found) == 1 and not _records_nothing(found[0].run):
                found[0] = found[0]._replace(run=torch.no_grad()(found[0].run))
        return found

    def seen(self, network: Network, inputs: Sequence[Any]) -> object | None:
        """None where the layers must run one by one; else the same object until a change."""
        return self._guard.look(network, inputs)

    def forget(self) -> None:
        """Look at modules and weights again before the next call."""
        self._guard.forget()


def _records_nothing(run: Bound) -> bool:
    """Whether a call keeps gradients out by itself."""
    return bool(getattr(run, "records_nothing", False))


def _run(calls: Sequence[BoundCall], plan: Plan, inputs: Sequence[Any]) -> Any:
    """The values of the plan's results."""
    values: list[Any] = [*inputs, *plan.empty]
    for run, reads, write, drops in calls:
        values[write] = run(*[values[slot] for slot in reads])
        for slot in drops:
            values[slot] = None
    if len(plan.results) == 1:
        return values[plan.results[0]]
    return tuple(values[slot] for slot in plan.results)


def _bound(network: Network, planned: Any) -> BoundCall:
    modules: list[nn.Module] = [network.at(path) for path in planned.paths]
    return BoundCall(bound(planned.call, modules), planned.reads, planned.write, planned.drops)
