"""Segments of several layers: convolutions with activation and 2x2 pool, then dense layers.

`striate.engine.trained` learns them in one call each way, `striate.engine.frozen` predicts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from striate.engine import segments
from striate.engine.patterns import Pattern
from striate.engine.segments import Bound, ConvPoolSegment, DenseSegment, Segment
from striate.fused.trained import LayerWeights
from striate.graph import Graph, Node
from striate.ops import AveragePool, Conv, Dense, Flatten, Input, MaxPool
from striate.pytorch.plan import ModuleCall, Unit

MOST_WEIGHTS = 1 << 24
"""Of a dense layer that is part of a segment: a larger one is no small network's."""


@dataclass(frozen=True)
class LayeredSegment(Segment):
    """Layers behind each other, which one compiled call computes where it is faster.

    Args:
        units: of which it consists, for where it is not.
    """

    fewest: ClassVar[int] = 1
    units: tuple[Unit, ...] = ()

    @abstractmethod
    def bind(self, modules: Sequence[nn.Module]) -> Bound: ...

    def bind_units(self, modules: Sequence[nn.Module]) -> list[Bound]:
        """What computes each unit, in order."""
        return [bound(unit.call, own) for unit, own in self._shared_out(modules)]

    def weights(self, modules: Sequence[nn.Module]) -> list[Any]:
        """Weight and bias of each layer, in order."""
        own = [each[0] for unit, each in self._shared_out(modules) if _is_layer(unit)]
        return [each for module in own for each in (module.weight, module.bias)]

    def fits(self, weights: LayerWeights) -> bool:
        """Whether the weights are those that the layers say."""
        found = [(None if w is None else tuple(w.shape)) for w in weights]
        shapes = [(each.weight, each.weight[:1] if each.bias else None) for each in self.layers]
        return found == [shape for pair in shapes for shape in pair]

    def _shared_out(self, modules: Sequence[Any]) -> Iterator[tuple[Unit, Sequence[Any]]]:
        at = 0
        for unit in self.units:
            count = sum(not isinstance(node.operator, Input) for node in unit.nodes)
            yield unit, modules[at : at + count]
            at += count


@dataclass(frozen=True)
class SmallDenseSegment(DenseSegment):
    """A dense layer that alone is left to PyTorch."""

    def _run(self, modules: Sequence[Any], x: Tensor) -> Tensor:
        return segments.one_by_one(modules, x)


def bound(call: ModuleCall, modules: Sequence[nn.Module]) -> Bound:
    """The call with its modules."""
    return call.bind(modules) if isinstance(call, Segment) else partial(call, *modules)


def run_all(steps: Sequence[Bound], x: Tensor) -> Tensor:
    """The value of the last."""
    for step in steps:
        x = step(x)
    return x


def with_small_layers(pattern: Pattern) -> Pattern:
    """A copy of `pattern` that takes dense layers of any size."""
    return pattern._replace(make=_dense) if pattern.operators[0] is Dense else pattern


def is_layered(pattern: Pattern) -> bool:
    """Whether what it finds may be part of a segment of several layers."""
    pools = {MaxPool, AveragePool} & set(pattern.operators)
    return pattern.operators[0] is Dense or (pattern.operators[0] is Conv and bool(pools))


def _dense(graph: Graph, nodes: Sequence[Node]) -> DenseSegment | None:
    if graph.input_specs(nodes[0])[0].rank > 1:
        return None
    large = segments.dense_segment(graph, nodes)
    layer = segments.layer_shape(graph, nodes, "dense")
    return large or SmallDenseSegment(segments.names(nodes), (layer,))


def joined(graph: Graph, found: list[Unit], kind: type[LayeredSegment]) -> list[Unit]:
    """The units of a network, in order, those of each layered segment made one of that kind."""
    done: list[Unit] = []
    while found:
        count = _count(graph, found, kind.fewest)
        done.append(_one(found[:count], kind) if count else found[0])
        found = found[max(1, count) :]
    return done


def _one(units: Sequence[Unit], kind: type[LayeredSegment]) -> Unit:
    nodes = tuple(node for unit in units for node in unit.nodes)
    layers = [unit.call.layers[0] for unit in units if isinstance(unit.call, Segment)]
    return Unit(nodes, kind(segments.names(nodes), tuple(layers), tuple(units)))


def _count(graph: Graph, found: Sequence[Unit], fewest: int) -> int:
    """How many of the first units are a segment of at least so many layers; 0 where none is.

    Perhaps the input, then convolutions, perhaps a flattening, then dense layers.
    """
    seen = ""
    end, layers, is_worth_it = 0, 0, False
    for k, unit in enumerate(found):
        kind = _kind(graph, unit)
        if kind not in BEHIND[seen] or (k and not _follows(graph, found[k - 1], unit)):
            break
        seen = kind
        if kind in ("conv", "dense"):
            end, layers = k + 1, layers + 1
            is_large = _weights(graph, unit) >= segments.LEAST_WEIGHTS
            is_worth_it = is_worth_it or kind == "conv" or is_large
    return end if is_worth_it and layers >= fewest else 0


BEHIND = {
    "": ("input", "conv", "dense"),
    "input": ("conv",),
    "conv": ("conv", "flatten"),
    "flatten": ("dense",),
    "dense": ("dense",),
}


def _is_layer(unit: Unit) -> bool:
    return isinstance(unit.call, ConvPoolSegment | DenseSegment)


def _kind(graph: Graph, unit: Unit) -> str:
    """The kind of a unit, as `BEHIND` calls it; none where it is part of no segment."""
    if _is_layer(unit):
        fits = _weights(graph, unit) <= MOST_WEIGHTS
        return ("dense" if isinstance(unit.call, DenseSegment) else "conv") if fits else "none"
    if isinstance(unit.nodes[0].operator, Flatten):
        return "flatten"
    return "input" if isinstance(unit.nodes[0].operator, Input) else "none"


def _weights(graph: Graph, unit: Unit) -> int:
    return sum(weight.size for weight in graph.weights(unit.nodes[0]).values())


def _follows(graph: Graph, before: Unit, unit: Unit) -> bool:
    last = before.nodes[-1].name
    alone = graph.consumers[last] == (unit.nodes[0].name,) and last != graph.scores.name
    return alone and unit.nodes[0].inputs == (last,)
