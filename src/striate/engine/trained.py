"""Stretches of a network that learns. See `striate.fused.trained`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from striate.engine import fusion
from striate.engine import segments as stretch
from striate.engine.originals import Seen, are_original
from striate.engine.patterns import units
from striate.engine.prepared import is_plain
from striate.engine.segments import Link, Stretch
from striate.fused import build
from striate.fused.choose import chain_wins
from striate.fused.layer import plain_world
from striate.fused.trained import Chain, Weights
from striate.graph import Graph, Node
from striate.pytorch.plan import Unit

PATTERNS = tuple(map(stretch.linked, fusion.PATTERNS))
"""The chains of `fusion`, those that a stretch can be made of as links."""

MARGIN = 0.95
"""The kernels are the same, so one call is taken unless the layers alone are clearly faster."""


def grouped(graph: Graph, nodes: Sequence[Node], exits: Sequence[str]) -> list[Unit]:
    """The calls of a network, in order, those of each stretch of several layers made one."""
    found = list(units(graph, nodes, PATTERNS, exits))
    return stretch.joined(graph, found, TrainedStretch)


class TrainedStretch(Stretch):
    """Learns by one compiled call forward and one back where that wins, else unit by unit.

    It wins where Python between the layers takes time that counts: in small networks. Without
    gradients it is always unit by unit.
    """

    fewest = 2

    def __init__(self, units: tuple[Unit, ...], size: tuple[int, ...]) -> None:
        super().__init__(units, size)
        self._chains: dict[tuple[Any, ...], Chain | None] = {}
        self._seen: dict[tuple[Any, ...], tuple[Seen, tuple[Chain, Weights] | None]] = {}

    def __call__(self, *given: Any) -> Tensor:
        *modules, x = given
        compiling = torch.compiler.is_compiling()
        found = None if compiling or not torch.is_grad_enabled() else self.prepared(modules, x)
        if found is None:
            return self.one_by_one(modules, x)
        chain, weights = found
        return chain(x.contiguous(), weights)

    def prepared(self, modules: list[nn.Module], x: Tensor) -> tuple[Chain, Weights] | None:
        """The compiled chain for a batch, and the modules' weights; None where it does not win."""
        if not is_plain(x) or build.mode() == "off" or torch.is_autocast_enabled("cpu"):
            return None
        winograd = fusion.may_be_winograd(modules[0])
        asked = x.shape, x.requires_grad, torch.get_num_threads(), winograd
        seen, found = self._seen.get(asked, (None, None))
        if seen is None or not seen.is_unchanged(modules):
            found = self._prepared(modules, x, winograd)
            self._seen[asked] = Seen(modules), found
        return found

    def _prepared(
        self, modules: Sequence[nn.Module], x: Tensor, winograd: bool
    ) -> tuple[Chain, Weights] | None:
        if x.shape[1:] != self.size or not self._are_original(modules):
            return None
        links = [module for _, module in self.links(modules)]
        weights: list[Any] = [t for link in links for t in (link.weight, link.bias)]
        if not plain_world(x, *weights) or not all(_learns(w) for w in weights if w is not None):
            return None
        sizes = [(link.weight.shape, getattr(link, "padding", None)) for link in links]
        asked = len(x), torch.get_num_threads(), x.requires_grad, winograd, *sizes
        if asked not in self._chains:
            self._chains[asked] = self._chosen(modules, weights, x, winograd)
        chain = self._chains[asked]
        return None if chain is None else (chain, weights)

    def _are_original(self, modules: Sequence[nn.Module]) -> bool:
        at = 0
        for unit in self.units:
            own = modules[at : at + len(unit.nodes)]
            at += len(unit.nodes)
            kinds = (unit.call.activation, unit.call.kind) if isinstance(unit.call, Link) else ()
            if not are_original(own, *kinds):
                return False
        return True

    def _chosen(
        self, modules: Sequence[nn.Module], weights: Weights, x: Tensor, winograd: bool
    ) -> Chain | None:
        layers, many = self.layers(modules), stretch.rounded_up(len(x))
        if not all(layer.fits for layer in layers):
            return None
        chain = lru_cache(lambda batch, _threads: Chain(layers, batch, x.requires_grad, winograd))
        if build.found(lambda: chain(many, torch.get_num_threads())) is None:
            return None
        given = stretch.noise((many, *self.size)).requires_grad_(x.requires_grad)
        learning = [t for t in (given, *weights) if t is not None and t.requires_grad]

        def learn(y: Tensor) -> None:
            torch.autograd.grad(y, learning, y.detach())

        told = f"trained {self.told(layers, many)}, {torch.get_num_threads()} threads"
        wins = chain_wins(
            f"{told}, forward and back" if x.requires_grad else told,
            lambda: learn(chain(many, torch.get_num_threads())(given, weights)),
            lambda: learn(self.one_by_one(modules, given)),
            margin=MARGIN,
        )
        return chain(len(x), torch.get_num_threads()) if wins else None


def _learns(weight: Tensor) -> bool:
    return weight.requires_grad and weight.is_contiguous()
