"""Nodes and the network they make: the one thing that everything meets at.

A `Graph` is immutable, holds no weight, knows no engine, and is legal from its construction on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import GraphError, UnknownNameError, did_you_mean
from striate.graph.check import check_sharing, checked_specs
from striate.graph.operator import Operator, Weight
from striate.graph.settings import shown
from striate.graph.spec import Spec
from striate.graph.walk import ordered, reached

if TYPE_CHECKING:
    from striate.pytorch import Network

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """One operator at its place.

    Args:
        name: unique; a word, or words joined by dots as in a nested PyTorch module.
        operator: what it does.
        inputs: names of the nodes it reads, in order.
        shares: the name of the node whose trained weights it uses, as far as both have weights of
            one name; nothing where all weights are its own. Statistics are never shared.
    """

    name: str
    operator: Operator
    inputs: tuple[str, ...] = ()
    shares: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """The nodes it depends on: those it reads, and that whose weights it uses."""
        return (*self.inputs, self.shares) if self.shares else self.inputs


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """A side exit that is trained with its own loss (GoogLeNet's heads).

    Args:
        node: the name of the node whose value leaves.
        weight: what its loss is multiplied by.

    Raises:
        GraphError: the weight is no finite number of 0 or more.
    """

    node: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if type(self.weight) not in (int, float) or not 0 <= self.weight < 1e300:
            raise GraphError(
                f"the weight of the exit {self.node} is {shown(self.weight)}",
                remedy="Give a number of 0 or more; 0.3 is usual.",
            )


@dataclass(frozen=True, repr=False)
class Graph(Displayed):
    """A network: nodes in calculating order, the last one being the output.

    Nodes may be given in any order but for the last; they are kept in the order of a depth-first
    walk from the outputs, so that graphs made in different ways compare equal.

    Raises:
        GraphError: names, inputs or cycles are wrong, a node leads nowhere, or it shares weights
            that do not fit it.
        ShapeError: an operator does not fit what reaches it; `where` shows the way there.
    """

    nodes: tuple[Node, ...]
    auxiliary: tuple[Auxiliary, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", ordered(self.nodes, self.auxiliary))
        object.__setattr__(self, "_specs", checked_specs(self.nodes))
        for node in self.nodes:
            if node.shares:
                check_sharing(node, self[node.shares], self.specs)

    def __reduce__(self) -> tuple[type[Graph], tuple[object, ...]]:
        """What pickle and copy make the graph from again: specs are inferred, and checked, anew."""
        return Graph, (self.nodes, self.auxiliary)

    @property
    def specs(self) -> Mapping[str, Spec]:
        """The output spec of every node, by name."""
        specs: Mapping[str, Spec] = self.__dict__["_specs"]
        return specs

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """For each node the names of the nodes that read it, in calculating order."""
        found: dict[str, list[str]] = {node.name: [] for node in self.nodes}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found[name].append(node.name)
        return MappingProxyType({name: tuple(names) for name, names in found.items()})

    @cached_property
    def inputs(self) -> tuple[Node, ...]:
        """The nodes where pictures come in."""
        return tuple(node for node in self.nodes if node.operator.is_input)

    @property
    def loss(self) -> Node | None:
        """The loss, when the network ends in one."""
        return self.nodes[-1] if self.nodes[-1].operator.is_loss else None

    def vocabulary(self, name: str) -> int | None:
        """How many token numbers an input may hold: the fewest that a reader knows; None where it
        may hold any numbers."""

        def onward(each: str) -> tuple[str, ...]:
            moves = each == name or self[each].operator.only_moves
            return self.consumers[each] if moves else ()

        readers = (self[each].operator.vocabulary for each in reached([name], onward))
        return min((count for count in readers if count is not None), default=None)

    def gives_shares(self, name: str) -> bool:
        """Whether the value of a node is shares of classes: positive, summing to 1 over them."""
        node = self[name]
        return node.operator.gives_shares(*self.input_specs(node))

    @property
    def scores(self) -> Node:
        """The node whose value the network answers with: the last one before any loss."""
        return self[self.nodes[-1].inputs[0]] if self.loss else self.nodes[-1]

    def __getitem__(self, name: str) -> Node:
        try:
            return self._by_name[name]
        except KeyError:
            names = ", ".join(self._by_name)
            raise UnknownNameError(
                f"no node is called {name}",
                remedy=did_you_mean(name, self._by_name) or f"There are: {names}.",
            ) from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __str__(self) -> str:
        """The canonical text of the network."""
        from striate.notation import text

        return text(self)

    @property
    def headline(self) -> str:
        """Input, scores, nodes and parameters."""
        entrances = ", ".join(str(self.specs[node.name]) for node in self.inputs)
        return (
            f"{entrances} -> {self.specs[self.scores.name]}, {len(self)} nodes, "
            f"{self.parameters:,} parameters"
        )

    def display(self) -> Iterator[Block]:
        """Every node: its name, how it is written, and what comes out."""
        from striate.notation import operator_text

        columns = (
            Column("name", text=True),
            Column("layer", text=True, wide=40),
            Column("reads", text=True, wide=24, rank=1),
            Column("output", text=True),
        )
        rows = []
        for node in self:
            axes = len(self.specs[node.inputs[0]].spatial) if node.inputs else 1
            written = operator_text(node.operator, axes=axes, shares=node.shares)
            rows.append((node.name, written, ", ".join(node.inputs), str(self.specs[node.name])))
        yield Line(self.headline)
        yield Grid(columns, tuple(rows))

    def module(
        self, *, seed: int = 0, weights: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Network:
        """The network as a `torch.nn.Module`, with these weights or first ones drawn from `seed`.

        Args:
            weights: node -> weight name -> array.
        """
        from striate.engine import lower
        from striate.initialize import initialize

        return lower(self, initialize(self, seed=seed) if weights is None else weights)

    def ancestors(self, names: Iterable[str]) -> frozenset[str]:
        """The nodes of these names and all that they depend on, for values or for weights."""
        return reached(names, lambda name: self[name].needs)

    def sources(self, names: Iterable[str]) -> frozenset[str]:
        """The nodes of these names and all whose values reach them."""
        return reached(names, lambda name: self[name].inputs)

    def descendants(self, names: Iterable[str]) -> frozenset[str]:
        """The nodes of these names and all whose values depend on theirs."""
        return reached(names, self.consumers.__getitem__)

    def upto(self, name: str) -> Graph:
        """The part of the network that computes one node and ends there, without side exits."""
        others = self.ancestors([name]) - {name}
        return Graph((*(node for node in self if node.name in others), self[name]))

    def input_specs(self, node: Node) -> tuple[Spec, ...]:
        """The specs that reach `node`."""
        return tuple(self.specs[name] for name in node.inputs)

    @property
    def parameters(self) -> int:
        """Trainable numbers."""
        weights = (weight for node in self for weight in self.own_weights(node).values())
        return sum(weight.size for weight in weights if weight.trainable)

    @property
    def multiply_adds(self) -> int:
        """Products that the forward pass of one picture sums, in direct convolutions."""
        return sum(node.operator.cost(*self.input_specs(node)).multiply_adds for node in self)

    def weights(self, node: Node) -> Mapping[str, Weight]:
        """The weights that `node` computes with, by name."""
        return node.operator.weights(*self.input_specs(node))

    def inner(self, node: Node) -> Mapping[str, Spec]:
        """The inner values of `node`, by name."""
        return node.operator.inner(*self.input_specs(node))

    def own_weights(self, node: Node) -> Mapping[str, Weight]:
        """Those of them that it keeps itself: all but the ones it shares."""
        found = self.weights(node)
        return {n: each for n, each in found.items() if self.keeper(node, n) == node.name}

    def keeper(self, node: Node, weight: str) -> str:
        """The name of the node that keeps a weight of `node`: itself, or the one it shares with."""
        if not node.shares or not self.weights(node)[weight].trainable:
            return node.name
        return node.shares if weight in self.weights(self[node.shares]) else node.name

    def sharers(self, name: str) -> tuple[str, ...]:
        """The nodes that compute with weights of node `name`: itself first."""
        return (name, *self._sharers.get(name, ()))

    def users(self, name: str, weight: str) -> tuple[str, ...]:
        """The nodes that compute with a weight that node `name` keeps."""
        sharers = self.sharers(name)
        return tuple(
            each
            for each in sharers
            if weight in self.weights(self[each]) and self.keeper(self[each], weight) == name
        )

    @cached_property
    def _sharers(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for node in self.nodes:
            if node.shares:
                found.setdefault(node.shares, []).append(node.name)
        return {name: tuple(names) for name, names in found.items()}

    def arrays(self, node: Node, weights: Mapping[str, Mapping[str, T]]) -> Mapping[str, T]:
        """What `node` computes with, of the arrays (node -> weight name) that the nodes keep."""
        if not node.shares:
            return weights.get(node.name, {})
        names = ((name, self.keeper(node, name)) for name in self.weights(node))
        return {name: weights[keeper][name] for name, keeper in names}
