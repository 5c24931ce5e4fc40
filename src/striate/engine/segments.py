"""Stretches of a network that one compiled call computes: convolutions with activation and 2x2
pool, then dense layers. `frozen_stretch` predicts, `trained_stretch` learns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from striate.engine import fusion
from striate.engine.patterns import Pattern
from striate.fused.layer import Activation, Layer
from striate.graph import Graph, Node
from striate.ops import AveragePool, Conv, Dense, Flatten, Input, MaxPool
from striate.pytorch.plan import Call, Unit

MOST_WEIGHTS = 1 << 24
"""Of a dense layer that is part of a stretch: a larger one is no small network's."""


@dataclass(frozen=True)
class Link:
    """A unit that a stretch can be made of."""

    run: Call
    kind: Literal["max", "avg", "dense"]
    activation: Activation

    def __call__(self, *given: Any) -> Tensor:
        return self.run(*given)


def _conv_link(graph: Graph, nodes: Sequence[Node]) -> Link | None:
    run = fusion.conv_pool_call(graph, nodes)
    if run is None:
        return None
    maximal = any(isinstance(node.operator, MaxPool) for node in nodes)
    return Link(run, "max" if maximal else "avg", _activation(nodes))


def _dense_link(graph: Graph, nodes: Sequence[Node]) -> Link:
    run = fusion.dense_call(graph, nodes) or fusion.one_by_one
    return Link(run, "dense", _activation(nodes))


def _activation(nodes: Sequence[Node]) -> Activation:
    kinds = [
        fusion.ACTIVATIONS[k][0] for n in nodes if (k := type(n.operator)) in fusion.ACTIVATIONS
    ]
    return kinds[0] if kinds else "identity"


def linked(pattern: Pattern) -> Pattern:
    """The pattern, its units ones that a stretch can be made of, where it has any."""
    if pattern.operators[0] is Dense:
        return pattern._replace(make=_dense_link)
    if pattern.operators[0] is Conv and {MaxPool, AveragePool} & set(pattern.operators):
        return pattern._replace(make=_conv_link)
    return pattern


def joined(graph: Graph, found: list[Unit], kind: type[Stretch]) -> list[Unit]:
    """The units of a network, in order, those of each stretch made one of that kind."""
    done: list[Unit] = []
    while found:
        stretch = _stretch(graph, found, kind.fewest)
        done.append(_one(graph, found[:stretch], kind) if stretch else found[0])
        found = found[max(1, stretch) :]
    return done


def _stretch(graph: Graph, found: Sequence[Unit], fewest: int) -> int:
    """How many of the first units are a stretch of so many layers; 0: none worth it.

    Perhaps the entrance, then convolutions, perhaps a flattening, then dense layers.
    """
    seen = ""
    end, layers, worth = 0, 0, False
    for k, unit in enumerate(found):
        kind = _kind(graph, unit)
        if kind not in BEHIND[seen] or (k and not _follows(graph, found[k - 1], unit)):
            break
        seen = kind
        if kind in ("conv", "dense"):
            end, layers = k + 1, layers + 1
            worth = worth or kind == "conv" or _weights(graph, unit) >= fusion.LEAST_WEIGHTS
    return end if worth and layers >= fewest else 0


BEHIND = {
    "": ("entrance", "conv", "dense"),
    "entrance": ("conv",),
    "conv": ("conv", "flatten"),
    "flatten": ("dense",),
    "dense": ("dense",),
}


def _kind(graph: Graph, unit: Unit) -> str:
    """The kind of a unit, as `BEHIND` calls it; none where it is part of no stretch."""
    node = unit.nodes[0]
    if isinstance(unit.call, Link):
        fits = _weights(graph, unit) <= MOST_WEIGHTS
        return ("dense" if unit.call.kind == "dense" else "conv") if fits else "none"
    if isinstance(node.operator, Flatten):
        return "flatten"
    return "entrance" if isinstance(node.operator, Input) else "none"


def _weights(graph: Graph, unit: Unit) -> int:
    return sum(weight.size for weight in graph.weights(unit.nodes[0]).values())


def _follows(graph: Graph, before: Unit, unit: Unit) -> bool:
    last = before.nodes[-1].name
    alone = graph.consumers[last] == (unit.nodes[0].name,) and last != graph.scores.name
    return alone and unit.nodes[0].inputs == (last,)


def _one(graph: Graph, units: Sequence[Unit], kind: type[Stretch]) -> Unit:
    nodes = tuple(node for unit in units for node in unit.nodes)
    first = next(unit for unit in units if isinstance(unit.call, Link)).nodes[0]
    (x,) = graph.input_specs(first)
    return Unit(nodes, kind(tuple(units), x.shape))


class Stretch(ABC):
    """Computes the nodes of a stretch: by one compiled call where it wins, else unit by unit.

    Args:
        size: of that value, without the batch.
    """

    fewest = 1
    """Layers of a stretch of this kind."""

    def __init__(self, units: tuple[Unit, ...], size: tuple[int, ...]) -> None:
        self.units, self.size = units, size

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.units, self.size)  # a copy prepares itself again

    @abstractmethod
    def __call__(self, *given: Any) -> Tensor:
        """The value of the last node, from the nodes' modules and what the first node reads."""

    def one_by_one(self, modules: Sequence[nn.Module], x: Tensor) -> Tensor:
        """The value of the last node."""
        at = 0
        for unit in self.units:
            x = unit.call(*modules[at : at + len(unit.nodes)], x)
            at += len(unit.nodes)
        return x

    def links(self, modules: Sequence[nn.Module]) -> Iterator[tuple[Link, Any]]:
        """The links of the stretch, each with the module that has its weights."""
        at = 0
        for unit in self.units:
            if isinstance(unit.call, Link):
                yield unit.call, modules[at]
            at += len(unit.nodes)

    def layers(self, modules: Sequence[nn.Module]) -> list[Layer]:
        """The layers of the stretch, with the modules' weights."""
        layers: list[Layer] = []
        for link, module in self.links(modules):
            size = layers[-1].size_after if layers else self.size
            layers.append(_layer(link, module, size))
        return layers

    def told(self, layers: Sequence[Layer], batch: int | str) -> str:
        """The stretch as a choice names it, but for the threads."""
        sizes = " -> ".join(
            f"{layer.kind} {_told(layer.weight.shape)} "
            + (f"pad {_told(layer.padding)} " if layer.kind != "dense" else "")
            + layer.activation
            for layer in layers
        )
        return f"{batch}x{_told(self.size)}: {sizes}"


def _layer(link: Link, module: Any, size: tuple[int, ...]) -> Layer:
    if link.kind == "dense":
        return Layer("dense", size, module.weight, module.bias, link.activation)
    padding = tuple(module.padding)
    return Layer(link.kind, size, module.weight, module.bias, link.activation, padding)


def _told(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def rounded_up(batch: int) -> int:
    """The power of two that a batch is measured as."""
    return 1 << (batch - 1).bit_length()


def noise(size: tuple[int, ...]) -> Tensor:
    """Something to measure by."""
    return torch.randn(size, generator=torch.Generator().manual_seed(0))
