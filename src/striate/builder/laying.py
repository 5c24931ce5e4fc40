"""From parts to a graph: names given, settings checked against what reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from striate.errors import GraphError, StriateError, did_you_mean
from striate.graph import Assembly, Composition, Graph, Operator
from striate.graph.settings import check_axes


class Placed(Protocol):
    """An operator with its name and its settings as they were given."""

    @property
    def operator(self) -> Operator | Composition: ...
    @property
    def written(self) -> Mapping[str, object]: ...
    @property
    def name(self) -> str: ...
    @property
    def shares(self) -> str: ...


class Laying:
    """Puts the nodes of one network together."""

    def __init__(self) -> None:
        self.assembly = Assembly()
        self.names: list[str] = []
        self.scopes: list[dict[str, str]] = [{}]

    def graph(self, end: str | None) -> Graph:
        """The finished graph, which ends in the node `end`."""
        if end is None:
            raise GraphError(
                "a network needs at least an input", remedy="Start with Input(1, 28, 28) >> …"
            )
        return self.assembly.graph(end)

    @contextmanager
    def copy(self) -> Iterator[None]:
        """One copy of a repeated block: names in it mean its own nodes."""
        self.scopes.append({})
        yield
        inner = self.scopes.pop()
        self.scopes[-1].update(inner)

    def add(self, step: Placed, inputs: Sequence[str]) -> str:
        """Append a node; returns its name."""
        if any(self.assembly.spec(each).rank == 0 for each in inputs):
            raise GraphError(f"{step!r} comes after a loss", remedy="End with the loss.")
        if isinstance(step.operator, Composition):
            return self._compose(step, step.operator, inputs)
        name = self._name(step, self.assembly.__contains__) if step.name else ""
        kind = type(step.operator)
        try:
            if inputs:
                spec = self.assembly.spec(inputs[0])
                check_axes(kind, step.written, spec, name or kind.__name__)
            added = self.assembly.add(step.operator, inputs, name, self._meant(step.shares))
        except StriateError as error:
            where = f"{step!r}\n{error.where}".strip()
            raise type(error)(error.what, where=where, remedy=error.remedy) from None
        self.names.append(added)
        return added

    def _compose(self, step: Placed, composition: Composition, inputs: Sequence[str]) -> str:
        """The nodes that one part stands for; its name means the last of them."""
        name = self._name(step, self.assembly.has_folder) if step.name else ""
        name = name or self.assembly.folder(composition.label)
        try:
            sources = [*inputs, *map(self.known, composition.read())]
            added = composition.lay(self.assembly, name, sources)
        except StriateError as error:
            where = f"{step!r}\n{error.where}".strip()
            raise type(error)(error.what, where=where, remedy=error.remedy) from None
        self.scopes[-1][step.name or name] = added[-1]
        self.names += added
        return added[-1]

    def _name(self, step: Placed, taken: Callable[[str], bool]) -> str:
        name, copy = step.name, 2
        while taken(name) and len(self.scopes) > 1:
            name, copy = f"{step.name}_{copy}", copy + 1
        if taken(name):
            raise GraphError(
                f"two nodes are called {name}",
                where=repr(step),
                remedy="Give one of them another name (unnamed ones are called conv1, relu1 …).",
            )
        self.scopes[-1][step.name] = name
        return name

    def known(self, name: str) -> str:
        """The node that `name` means here."""
        found = self._meant(name)
        if found not in self.assembly:
            raise GraphError(
                f"no node before this is called {name}",
                remedy=did_you_mean(name, self.names) or "Name one: Conv(16, 5).named('C3').",
            )
        return found

    def _meant(self, name: str) -> str:
        """The node that a name means here: in a repeated block that of the same copy."""
        return next((scope[name] for scope in reversed(self.scopes) if name in scope), name)
