"""Networks that only predict: folded, fused, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, get_args

import torch
from torch import Tensor, nn

from striate.engine import fast as speed
from striate.engine import segments
from striate.engine.contest import OWN, Contest, EngineTimes
from striate.engine.engine import Engine, fast_plan
from striate.engine.layered import LayeredSegment, is_layered, joined, run_all, with_small_layers
from striate.engine.patterns import Pattern
from striate.engine.runtimes import EngineName
from striate.engine.segments import Bound, Segment, one_by_one
from striate.errors import SettingError
from striate.fused import build, frozen_conv
from striate.fused.choose import Question, is_faster
from striate.fused.frozen import FrozenLayers
from striate.fused.frozen_conv import FrozenConv
from striate.fused.guard import Guard, originals
from striate.fused.layer import Bounded, rounded_up, timing_input
from striate.fused.trained import plainly
from striate.graph import Graph, Node
from striate.ops import Add, Conv, ReLU
from striate.ops.arrays import Weights
from striate.passes.fold import folded
from striate.pytorch.network import Network, fill, recipes
from striate.pytorch.plan import Plan, Unit, planned
from striate.pytorch.recipe import ModuleRecipe
from striate.pytorch.weights import load_weights

ENGINES = get_args(EngineName)


def freeze(
    graph: Graph, weights: Weights, *, fused: bool = True, engine: EngineName = "striate"
) -> Frozen:
    """The fastest module that predicts what the network predicts, to float32 rounding.

    Batch normalizations are folded into the layers before them (see `striate.passes.fold`), what
    only training needs is gone, and kernels stand for chains of operators where they are faster.

    Args:
        graph: any network; side exits and a loss are left out.
        weights: node -> name -> array. They are copied.
        fused: whether compiled kernels may be used. Building them takes seconds, once a machine:
            `pays` says when it is worth it.
        engine: which one answers; "auto" takes the fastest, as measured in the first calls.

    Raises:
        SettingError: there is no such engine here, or it does not take the network.
        GraphError: a node has no PyTorch counterpart.
        WeightsError: the weights do not fit.
    """
    if engine not in ENGINES:
        raise SettingError(
            f"there is no engine {engine!r}", remedy=f"Take one of {', '.join(ENGINES)}."
        )
    graph, weights = folded(graph, weights)
    made = recipes(graph)
    network = Frozen(planned(graph, [graph.scores.name]))
    fill(network, graph, made)
    load_weights(network, weights)
    nn.Module.requires_grad_(network, False)
    plan = frozen_plan(graph, made, fused=fused)
    own = Engine(Guard(originals(network), copied=True), plan, plan)
    network.shortcut = own
    if engine != OWN:
        network.shortcut = contest = Contest(graph, own, engine)
        contest.prepare(network)
    return network.eval()


def frozen_plan(graph: Graph, made: Mapping[str, ModuleRecipe], *, fused: bool = True) -> Plan:
    """How a network that only predicts is computed by few calls."""
    patterns = [_prepared(each) for each in segments.PATTERNS] if fused else []
    join = _join if fused else (lambda _, found: found)
    return fast_plan(speed.reordered(graph), [graph.scores.name], made, patterns, join)


class Frozen(Network):
    """A network that only predicts: what `freeze` makes.

    Called with a batch of pictures (N, C, H, W), one argument for each input of the graph, it
    returns the scores, as an ordinary tensor without gradients, whatever the context.

    Its `state_dict` holds the folded weights; hooks, replaced submodules, `load_state_dict`, `to`
    and `deepcopy` work as in any module. Kernels read copies of the weights, made anew where
    PyTorch tells that one was written to or replaced; what is written to `weight.data` in place it
    does not tell: call `forget()` then.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan, plan)

    def train(self, mode: bool = True) -> Frozen:
        """Stay in evaluation mode.

        Raises:
            SettingError: training is asked for.
        """
        if mode:
            _refuse()
        return super().train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Frozen:
        """Stay without gradients.

        Raises:
            SettingError: gradients are asked for.
        """
        if requires_grad:
            _refuse()
        return self

    def forward(self, *inputs: Tensor) -> Tensor:
        """The scores of a batch."""
        found: Any = None if self.shortcut is None else self.shortcut(self, inputs)
        if found is None:
            with torch.no_grad():
                found = self.one_by_one(inputs)
        scores: Tensor = found
        return scores

    def forget(self) -> None:
        """Look at modules and weights again before the next prediction."""
        if isinstance(self.shortcut, Engine | Contest):
            self.shortcut.forget()

    @property
    def engine(self) -> str:
        """The engine of the latest answer: "striate", "onnxruntime", "openvino" or "pytorch"."""
        return self.shortcut.name if isinstance(self.shortcut, Contest) else OWN

    @property
    def measured(self) -> EngineTimes:
        """What was measured to choose the engine, a printable value."""
        found = self.shortcut
        if not isinstance(found, Contest):
            return EngineTimes({}, {})
        return EngineTimes(dict(found.milliseconds), dict(found.missing))


def _refuse() -> NoReturn:
    raise SettingError(
        "a frozen network only predicts; it cannot be trained",
        remedy="Train what `lower(graph, weights)` or `model.module()` makes, and freeze it after.",
    )


# ---- several layers in one call


@dataclass(frozen=True)
class FrozenSegment(LayeredSegment):
    """Predicts by one compiled call where that is faster, else unit by unit."""

    kernel = "one call, frozen"

    def bind(self, modules: Sequence[nn.Module]) -> BoundFrozen:
        return BoundFrozen(self, modules)


class BoundFrozen:
    """A segment with a copy of its modules' weights, made when it is first used."""

    records_nothing = True

    def __init__(self, segment: FrozenSegment, modules: Sequence[nn.Module]) -> None:
        self._segment, self._size = segment, segment.layers[0].size
        self._units: list[Bound] = segment.bind_units(modules)
        self._weights: list[Any] = segment.weights(modules)
        self._packed: FrozenLayers | None = None
        self._calls = Bounded(64)

    def __call__(self, x: Tensor) -> Tensor:
        """The value of the last node."""
        asked = x.shape, torch.get_num_threads()
        call: Callable[[Tensor], Tensor] | None = self._calls.get(asked)
        if call is None:
            call = self._calls[asked] = self._choose(x)
        return call(x.contiguous())

    def _choose(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        segment, many = self._segment, rounded_up(len(x))
        fits = x.shape[1:] == self._size and segment.fits(self._weights)
        if not fits or build.mode() == "off":
            return self._by_unit
        self._packed = self._packed or build.found(
            lambda: FrozenLayers(segment.layers, self._weights)
        )
        packed, case = self._packed, timing_input((many, *self._size))
        if packed is None:
            return self._by_unit
        asked = Question(
            segment.kernel, segment.layers, many, "forward", torch.get_num_threads(), "contiguous"
        )
        rows = case.contiguous()
        chosen = is_faster(
            asked, lambda: packed(rows), lambda: plainly(segment.layers, case, *self._weights)
        )
        return packed.prepared(len(x), torch.get_num_threads()) if chosen else self._by_unit

    @torch.no_grad()
    def _by_unit(self, x: Tensor) -> Tensor:
        return run_all(self._units, x)


# ---- a convolution alone


@dataclass(frozen=True)
class FrozenConvSegment(Segment):
    """A convolution, perhaps plus another map, perhaps with ReLU, in one compiled call."""

    kernel = "frozen convolution"

    def bind(self, modules: Sequence[nn.Module]) -> Bound:
        return BoundConv(self, modules)


class BoundConv:
    """A convolution with a copy of its weights, made when it is first used."""

    def __init__(self, segment: FrozenConvSegment, modules: Sequence[Any]) -> None:
        (self._layer,) = segment.layers
        self._conv, *self._others = modules
        self._packed: FrozenConv | None = None
        self._is_out = False

    def __call__(self, x: Tensor, *more: Tensor) -> Tensor:
        """The value of the last node."""
        conv = self._conv
        if not self._is_out and x.ndim == 4 and x.shape[1] == conv.weight.shape[1]:
            packed = self._packed = self._packed or self._pack()
            if packed is not None:
                return packed(x, *more)
        adds, y = self._layer.adds, conv(x)
        if adds:
            y = self._others[0](y, *more)
        return one_by_one(self._others[adds:], y)

    def _pack(self) -> FrozenConv | None:
        """The weights laid out; where there are no kernels for them, never asked again."""
        self._is_out = build.mode() == "off" or build.found(frozen_conv.library) is None
        conv, relu = self._conv, self._layer.activation == "relu"
        given = conv.weight, conv.bias, conv.stride, tuple(conv.padding)
        return None if self._is_out else FrozenConv(*given, relu)


def _prepared(pattern: Pattern) -> Pattern:
    if is_layered(pattern):
        return with_small_layers(pattern)
    return pattern._replace(make=_conv) if pattern.operators[0] is Conv else pattern


def _conv(graph: Graph, nodes: Sequence[Node]) -> FrozenConvSegment | None:
    """The segment of a convolution, and the ReLU behind it."""
    conv = nodes[0].operator
    (x,) = graph.input_specs(nodes[0])
    if not isinstance(conv, Conv) or x.rank != 3 or conv.table is not None:
        return None
    if (conv.dilation, conv.groups) != (1, 1) or any(w.before != w.after for w in conv.field(x)):
        return None
    layer = segments.layer_shape(graph, nodes, "conv")
    return FrozenConvSegment(segments.names(nodes), (layer,))


def _join(graph: Graph, found: list[Unit]) -> list[Unit]:
    return joined(graph, _with_additions(graph, found), FrozenSegment)


def _with_additions(graph: Graph, found: list[Unit]) -> list[Unit]:
    """The units of a network, in order, each convolution with the addition behind it, and ReLU."""
    done: list[Unit] = []
    while found:
        unit, *found = found
        if found and _is_sum_of(graph, unit, found[0]):
            (add, *_), found = found[0].nodes, found[1:]
            rectified = bool(found) and _rectifies(graph, add, found[0])
            nodes = (*unit.nodes, add, *(found.pop(0).nodes if rectified else ()))
            (other,) = (name for name in add.inputs if name != unit.nodes[0].name)
            layer = segments.layer_shape(graph, nodes, "conv", adds=True)
            unit = Unit(nodes, FrozenConvSegment(segments.names(nodes), (layer,)), (other,))
        done.append(unit)
    return done


def _is_sum_of(graph: Graph, unit: Unit, following: Unit) -> bool:
    (conv, *more), add = unit.nodes, following.nodes[0]
    if not isinstance(unit.call, FrozenConvSegment) or more or not isinstance(add.operator, Add):
        return False
    both = len(set(add.inputs)) == 2 == len(add.inputs) and conv.name in add.inputs
    alike = len({graph.specs[name].shape for name in add.inputs}) == 1
    return both and alike and graph.consumers[conv.name] == (add.name,)


def _rectifies(graph: Graph, add: Node, following: Unit) -> bool:
    relu = following.nodes[0]
    reads_alone = graph.consumers[add.name] == (relu.name,) and len(following.nodes) == 1
    return isinstance(relu.operator, ReLU) and reads_alone and add.name != graph.scores.name
