"""Stretches of a network that only predicts. See `striate.fused.frozen`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from striate.engine import fusion
from striate.engine import segments as stretch
from striate.engine.patterns import Pattern, units
from striate.engine.prepared import conv_unit, is_plain, with_additions
from striate.engine.segments import Stretch
from striate.fused import build
from striate.fused.choose import chain_wins
from striate.fused.frozen import Chain
from striate.fused.layer import Layer
from striate.graph import Graph, Node
from striate.ops import Conv
from striate.pytorch.plan import Unit


def _prepared(pattern: Pattern) -> Pattern:
    linked = stretch.linked(pattern)
    is_bare_conv = linked is pattern and pattern.operators[0] is Conv
    return pattern._replace(make=conv_unit) if is_bare_conv else linked


PATTERNS = tuple(map(_prepared, fusion.PATTERNS))
"""The chains of training: links of stretches, and convolutions that are prepared alone."""


def grouped(graph: Graph, nodes: Sequence[Node], exits: Sequence[str]) -> list[Unit]:
    """The calls of a network, in order, those of each stretch made one, and sums part of their
    convolutions.
    """
    found = list(units(graph, nodes, PATTERNS, exits))
    return stretch.joined(graph, with_additions(graph, found), FrozenStretch)


class FrozenStretch(Stretch):
    """Predicts by one compiled call where it wins, else unit by unit.

    The compiled call has a copy of the weights, made when it is first used; `forget` drops it.
    """

    def __init__(self, units: tuple[Unit, ...], size: tuple[int, ...]) -> None:
        super().__init__(units, size)
        self.forget()

    def forget(self) -> None:
        """Read the weights again, and choose again."""
        self._chain: Chain | None = None
        self._wins: dict[tuple[int, int], bool] = {}

    def __call__(self, *given: Any) -> Tensor:
        *modules, x = given
        if is_plain(x) and x.shape[1:] == self.size:
            asked = len(x), torch.get_num_threads()
            wins = self._wins.get(asked)
            if wins is None:
                wins = self._wins[asked] = self._chosen(modules, len(x))
            if wins:
                return self._chain(x if x.is_contiguous() else x.contiguous())  # type: ignore[misc]
        with torch.no_grad():
            return self.one_by_one(modules, x)

    def _chosen(self, modules: Sequence[nn.Module], batch: int) -> bool:
        layers = self.layers(modules)
        kinds = {t.dtype for layer in layers for t in (layer.weight, layer.bias) if t is not None}
        if batch == 0 or build.mode() == "off" or kinds != {torch.float32}:
            return False
        chain = self._chain = self._chain or build.found(lambda: Chain(layers))
        if chain is None:
            return False
        many = stretch.rounded_up(batch)
        x = cache(partial(stretch.noise, (many, *self.size)))
        return chain_wins(
            f"frozen {self.told(layers, many)}, {torch.get_num_threads()} threads",
            lambda: chain(x()),
            lambda: _plainly(layers, x()),
        )


@torch.no_grad()
def _plainly(layers: Sequence[Layer], x: Tensor) -> Tensor:
    if x.ndim == 4:
        x = x.to(memory_format=torch.channels_last)
    for layer in layers:
        x = layer.plainly(x)
    return x
