"""Forward over a graph: every value, and everything each operator was called with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from striate.display import shape_text
from striate.errors import SettingError, ShapeError, WeightsError, did_you_mean
from striate.graph import Call, Graph, Node
from striate.ops.arrays import Array, Weights
from striate.passes.attach_loss import loss_of, with_loss
from striate.reference.backward import Backward
from striate.reference.exits import SideExit, side_exits


class Trace:
    """What a network computes for one batch, by node; nodes are evaluated when they are needed.

    Args:
        graph: with a loss at its end as soon as there is a target.
        weights: kept as float64.
        inputs: one array (N, *shape) for each input node of the graph, float64.
        training: batch statistics and noise, or their fixed forms.
        target: class numbers (N,) or wanted values.
        rng: where the noise comes from.
        noise: noise by node that is given instead of drawn.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        inputs: Sequence[Array],
        *,
        training: bool = False,
        target: Array | None = None,
        rng: np.random.Generator | None = None,
        noise: Mapping[str, Array] | None = None,
    ) -> None:
        self.graph = graph
        self.weights: Weights = Exact(checked_weights(graph, weights))
        self.training = training
        self.target = target
        self.values: dict[str, Array] = {}
        """The output of every node evaluated so far, batch axis first."""
        self.calls: dict[str, Call] = {}
        """What its operator was called with, the output included."""
        self._inputs = dict(zip((node.name for node in graph.inputs), inputs, strict=True))
        self._rng = rng
        self._noise = noise or {}

    def reach(self, names: Iterable[str]) -> Trace:
        """Evaluate these nodes and what they depend on; returns itself.

        Raises:
            SettingError: a loss without a target, or noise without a generator.
        """
        needed = self.graph.ancestors(names)
        for node in self.graph:
            if node.name in needed and node.name not in self.values:
                self._evaluate(node)
        return self

    @property
    def exits(self) -> tuple[SideExit, ...]:
        """The side exits with the calls of their losses, for the training loss."""
        if self.target is None:
            return ()
        return side_exits(self.graph, self.values, self.target)

    @property
    def noise(self) -> dict[str, Array]:
        """What random nodes drew, by node."""
        return {name: call.noise for name, call in self.calls.items() if call.noise is not None}

    @property
    def loss(self) -> float:
        """The training loss: the mean over the batch, side exits added by their weights.

        Pictures count by what their targets weigh: see `striate.ops.loss.loss_operator`.

        Raises:
            SettingError: there was no target, or none that counts.
        """
        node = self.graph.loss
        if node is None or self.target is None:
            raise SettingError(
                "there is no loss without a target", remedy="Pass target=the right classes."
            )
        self.reach([node.name, *(each.node for each in self.graph.auxiliary)])
        main = self.loss_shares @ self.values[node.name]
        return float(main) + sum(side.loss for side in self.exits)

    @property
    def loss_shares(self) -> Array:
        """The share (N,) of each picture in the mean over the batch.

        Raises:
            SettingError: no target counts.
        """
        node = self.graph.nodes[-1]
        return loss_of(self.graph, self.graph.scores.name).shares(self.calls[node.name])

    def backward(self, error: Array | Mapping[str, Array] | None = None) -> Backward:
        """The gradient of the loss by every node's output and every weight.

        Args:
            error: the gradient of the last node's output, or of several nodes' outputs by name;
                None for that of the training loss (the mean over the batch).

        Raises:
            SettingError: no error is given and there is no loss.
            ShapeError: the error is not shaped as the output.
        """
        return Backward(self, error).reach(node.name for node in self.graph)

    def _evaluate(self, node: Node) -> None:
        operator = node.operator
        inputs = tuple(self.values[name] for name in node.inputs)
        if operator.is_input:
            inputs = (self._inputs[node.name],)
        call = Call(
            inputs,
            self.graph.arrays(node, self.weights),
            training=self.training,
            noise=self._drawn(node, inputs),
            target=self.target if operator.is_loss else None,
            given=self.graph.input_specs(node),
            pictures=len(next(iter(self._inputs.values()))),
        )
        call = replace(call, inner=operator.inner_values(call))
        self.calls[node.name] = call = call.with_output(operator.forward(call))
        self.values[node.name] = call.y

    def _drawn(self, node: Node, inputs: tuple[Array, ...]) -> Array | None:
        if not (self.training and node.operator.is_random):
            return None
        if node.name in self._noise:
            return self._noise[node.name]
        if self._rng is None:
            raise SettingError(
                f"{node.name} draws noise while training",
                remedy="Pass rng=numpy.random.default_rng(seed).",
            )
        return node.operator.draw(self._rng, *inputs)


def run(
    graph: Graph,
    weights: Weights,
    x: Array | Sequence[Array],
    *,
    training: bool = False,
    target: Array | None = None,
    rng: np.random.Generator | None = None,
    noise: Mapping[str, Array] | None = None,
) -> Trace:
    """Evaluate every node of a network in float64, by the operators' own formulas.

    Args:
        weights: node -> weight name -> array.
        x: one picture (C, H, W) or a batch (N, C, H, W); for several inputs one array each.
        training: use batch statistics and noise.
        target: class numbers (N,), one per position (N, H, W) where the scores are a map, or
            wanted values shaped as the scores; for one picture without a batch axis it may lack
            that too. With a target a graph without a loss gets the usual one, as node "loss".
        rng: the generator of the noise; `noise` gives it by node instead.

    Raises:
        ShapeError, WeightsError: pictures or weights do not fit the network.
        SettingError: a target names no class, or noise without a generator.
    """
    trace = prepared(graph, weights, x, training=training, target=target, rng=rng, noise=noise)
    skipped = trace.graph.loss.name if trace.graph.loss and trace.target is None else ""
    return trace.reach(node.name for node in trace.graph if node.name != skipped)


def prepared(
    graph: Graph,
    weights: Weights,
    x: Array | Sequence[Array],
    *,
    training: bool = False,
    target: Array | None = None,
    rng: np.random.Generator | None = None,
    noise: Mapping[str, Array] | None = None,
) -> Trace:
    """`run` before anything is evaluated: `Trace.reach` evaluates what is asked for."""
    inputs = _checked_inputs(graph, [x] if isinstance(x, np.ndarray) else list(x))
    if target is not None:
        graph = with_loss(graph)
        target = _batched(np.asarray(target), graph, inputs[0])
    return Trace(graph, weights, inputs, training=training, target=target, rng=rng, noise=noise)


class Exact(Mapping[str, Mapping[str, Array]]):
    """Weights in float64, converted node by node when they are needed: VGG's are a gigabyte."""

    def __init__(self, given: Weights) -> None:
        self._given = given
        self._exact: dict[str, dict[str, Array]] = {}

    def __getitem__(self, node: str) -> dict[str, Array]:
        if node not in self._exact:
            own = self._given[node]
            self._exact[node] = {key: np.asarray(own[key], dtype=np.float64) for key in own}
        return self._exact[node]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


def checked_weights(graph: Graph, weights: Weights) -> dict[str, dict[str, Array]]:
    """The weights of every node, as they are given.

    Raises:
        WeightsError: one is missing, unknown or has another shape.
    """
    found = {}
    known = {node.name: graph.own_weights(node) for node in graph}
    for name in weights:
        if weights[name] and not known.get(name):
            near = did_you_mean(name, [each for each, own in known.items() if own])
            raise WeightsError(f"there are weights of {name}, which has none", remedy=near)
    for name, wanted in known.items():
        given = weights.get(name, {})
        for key, weight in wanted.items():
            if key not in given:
                raise WeightsError(f"{name}.{key} is missing", remedy=did_you_mean(key, given))
            shape = tuple(np.shape(given[key]))
            if shape != weight.shape:
                raise WeightsError(
                    f"{name}.{key} has the shape {shape}, but the network needs {weight.shape}",
                    remedy="Were the weights made for another network?",
                )
        if wanted:
            found[name] = {key: np.asarray(given[key]) for key in wanted}
    return found


def _checked_inputs(graph: Graph, given: Sequence[Array]) -> list[Array]:
    if len(given) != len(graph.inputs):
        raise ShapeError(
            f"the network has {len(graph.inputs)} inputs, but {len(given)} arrays are given"
        )
    checked = []
    for node, x in zip(graph.inputs, given, strict=True):
        wanted = graph.specs[node.name].shape
        batch = np.asarray(x, dtype=np.float64)
        batch = batch[None] if batch.ndim == len(wanted) else batch
        if batch.ndim != len(wanted) + 1 or batch.shape[1:] != wanted or not len(batch):
            shown = shape_text(np.shape(x), "a single number")
            raise ShapeError(
                f"{node.name} takes {graph.specs[node.name]}, but the array given is {shown}",
                remedy="Give one picture of that shape, or a batch with its axis first.",
            )
        checked.append(batch)
    if len({len(batch) for batch in checked}) > 1:
        raise ShapeError("the inputs have batches of different lengths")
    return checked


def _batched(target: Array, graph: Graph, x: Array) -> Array:
    """`target` with its batch axis, which that of a single picture may lack."""
    scores = graph.specs[graph.scores.name]
    alone = target.shape in (scores.shape, scores.spatial) and len(x) == 1
    # A target of one number may be the class of the only picture.
    return target[None] if alone and target.shape != (1,) else target
