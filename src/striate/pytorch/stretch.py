"""Stretches of a network that one compiled call predicts: convolutions with activation and 2x2
pool, then dense layers. See `striate.fused.frozen`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from striate.fused import build
from striate.fused.choose import chain_wins
from striate.fused.frozen import Chain, Layer
from striate.fused.layer import Activation
from striate.graph import Graph, Node
from striate.ops import AveragePool, Dense, Flatten, Input, MaxPool
from striate.pytorch import fusion
from striate.pytorch.patterns import Call, Pattern, Unit
from striate.pytorch.prepared import conv_unit, is_plain, with_additions

MOST_WEIGHTS = 1 << 24
"""Of a dense layer that is kept a second time, packed."""


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


def _linked(pattern: Pattern) -> Pattern:
    if pattern.operators[0] is Dense:
        return pattern._replace(make=_dense_link)
    pools = {MaxPool, AveragePool} & set(pattern.operators)
    return pattern._replace(make=_conv_link if pools else conv_unit)


PATTERNS = tuple(map(_linked, fusion.PATTERNS))
"""The chains of training, those that a stretch can be made of as links."""


def joined(graph: Graph, found: list[Unit]) -> list[Unit]:
    """The units of a network, in order, those of each stretch made one, and sums part of their
    convolutions.
    """
    found = with_additions(graph, found)
    done: list[Unit] = []
    while found:
        stretch = _stretch(graph, found)
        done.append(_one(graph, found[:stretch]) if stretch else found[0])
        found = found[max(1, stretch) :]
    return done


def _stretch(graph: Graph, found: Sequence[Unit]) -> int:
    """How many of the first units are a stretch; 0: none worth it.

    Perhaps the entrance, then convolutions, perhaps a flattening, then dense layers.
    """
    seen = ""
    end, worth = 0, False
    for k, unit in enumerate(found):
        kind = _kind(graph, unit)
        if kind not in BEHIND[seen] or (k and not _follows(graph, found[k - 1], unit)):
            break
        seen = kind
        if kind in ("conv", "dense"):
            end = k + 1
            worth = worth or kind == "conv" or _weights(graph, unit) >= fusion.LEAST_WEIGHTS
    return end if worth else 0


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


def _one(graph: Graph, units: Sequence[Unit]) -> Unit:
    nodes = tuple(node for unit in units for node in unit.nodes)
    first = next(unit for unit in units if isinstance(unit.call, Link)).nodes[0]
    (x,) = graph.input_specs(first)
    return Unit(nodes, Stretch(tuple(units), x.shape))


class Stretch:
    """Computes the nodes of a stretch: by one compiled call where it wins, else unit by unit.

    The compiled call has a copy of the weights, made when it is first used; `forget` drops it.
    """

    def __init__(self, units: tuple[Unit, ...], size: tuple[int, ...]) -> None:
        self._units, self._size = units, size
        self.forget()

    def forget(self) -> None:
        """Read the weights again, and choose again."""
        self._chain: Chain | None = None
        self._wins: dict[tuple[int, int], bool] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Stretch, (self._units, self._size)  # a copy packs its own weights

    def __call__(self, *given: Any) -> Tensor:
        *modules, x = given
        if is_plain(x) and x.shape[1:] == self._size:
            asked = len(x), torch.get_num_threads()
            wins = self._wins.get(asked)
            if wins is None:
                wins = self._wins[asked] = self._chosen(modules, *asked)
            if wins:
                return self._chain(x if x.is_contiguous() else x.contiguous())  # type: ignore[misc]
        with torch.no_grad():
            return self._one_by_one(modules, x)

    def _one_by_one(self, modules: Sequence[nn.Module], x: Tensor) -> Tensor:
        at = 0
        for unit in self._units:
            x = unit.call(*modules[at : at + len(unit.nodes)], x)
            at += len(unit.nodes)
        return x

    def _chosen(self, modules: Sequence[nn.Module], batch: int, threads: int) -> bool:
        layers = self._layers(modules)
        kinds = {t.dtype for layer in layers for t in (layer.weight, layer.bias) if t is not None}
        if batch == 0 or build.mode() == "off" or kinds != {torch.float32}:
            return False
        try:
            self._chain = self._chain or Chain(layers)
        except build.Unavailable as reason:
            build.fall_back(reason)
            return False
        chain, many = self._chain, 1 << (batch - 1).bit_length()
        told = f"frozen {many}x{_told(self._size)}: {_told_all(layers)}, {threads} threads"
        x = cache(partial(_noise, (many, *self._size)))
        return chain_wins(told, lambda: chain(x()), lambda: _plainly(layers, x()))

    def _layers(self, modules: Sequence[nn.Module]) -> list[Layer]:
        layers: list[Layer] = []
        at, size = 0, self._size
        for unit in self._units:
            if isinstance(unit.call, Link):
                layers.append(_layer(unit.call, modules[at], size))
                size = layers[-1].size_after
            at += len(unit.nodes)
        return layers


def _layer(link: Link, module: Any, size: tuple[int, ...]) -> Layer:
    if link.kind == "dense":
        units = (module.weight.shape[1],)
        return Layer("dense", units, module.weight, module.bias, link.activation)
    padding = tuple(module.padding)
    return Layer(link.kind, size, module.weight, module.bias, link.activation, padding)


def _noise(size: tuple[int, ...]) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


def _plainly(layers: Sequence[Layer], x: Tensor) -> Tensor:
    if x.ndim == 4:
        x = x.to(memory_format=torch.channels_last)
    for layer in layers:
        x = layer.plainly(x)
    return x


def _told_all(layers: Sequence[Layer]) -> str:
    return " -> ".join(
        f"{layer.kind} {_told(layer.weight.shape)} pad {_told(layer.padding)} {layer.activation}"
        for layer in layers
    )


def _told(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))
