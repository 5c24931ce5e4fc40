"""Are the formulas and PyTorch the same network? Every node compared, forward and backward.

The reference engine computes each value and each gradient by the operators' own formulas, in
NumPy; PyTorch computes them by its own code and autograd; both in float64, from the same random
picture and target. The error of a node is

    forward   max |reference - PyTorch| / max |PyTorch|   of its output
    backward  the same of the gradients of its inputs and of its weights, the largest

so a wrong formula shows at its own node, and from there at all that comes after it. A number may
cancel to nothing, as the gradient of a bias in front of a batch normalization does, or the mean of
what was normalized; rounding is all that is left of it. So no value is measured against less than
1/1000 of the largest that it is made of, and no gradient against less than that of the largest
behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from striate.analysis.subject import nested
from striate.capacity import enough
from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import SettingError, ShapeError
from striate.graph import Graph, Node, Weight
from striate.graph.imported import Explainable
from striate.graph.settings import shown
from striate.lookup import NetworkLike, checkable_of
from striate.ops import CTC, Flatten, SquaredError
from striate.ops.arrays import Array, Weights
from striate.passes.attach_loss import with_loss
from striate.reference import Backward, Trace, run

if TYPE_CHECKING:
    from striate.pytorch.evaluate import NodeValues


BOUND = 1e-9
CANCELED = 1e-3
"""The share of what it is made of, however far away, below which a number counts as canceled."""
SCHEMA_VERSION = 1

COLUMNS = (
    Column("name", text=True),
    Column("operator", text=True),
    Column("forward"),
    Column("backward"),
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the two engines are apart at one node, relative; infinite where one has NaN.

    Args:
        forward_error: of the node's output.
        backward_error: of the gradients of its inputs and weights, the largest.
    """

    name: str
    operator: str
    forward_error: float
    backward_error: float

    @property
    def error(self) -> float:
        """The larger of the two."""
        return max(self.forward_error, self.backward_error)


def _shown(error: float) -> str:
    return f"{error:.1e}" if error else "0"


@dataclass(frozen=True)
class _Errors:
    """The errors of one node: of its value, of the gradient that arrives at its output, of those
    it hands to its inputs, by name, and of those of its weights."""

    node: Node
    value: float
    arriving: float
    inputs: Mapping[str, float]
    weights: float

    @property
    def largest(self) -> float:
        return max(self.value, self.arriving, self.weights, *self.inputs.values())

    def agreement(self) -> Agreement:
        handed_on = self.inputs.values() or [self.arriving]
        kind = type(self.node.operator).__name__
        return Agreement(self.node.name, kind, self.value, max(self.weights, *handed_on))


@dataclass(frozen=True, repr=False)
class Verification(Displayed):
    """The agreement of every node, in calculating order.

    Args:
        unchecked: nodes that others compute, in both engines alike.
        suspects: where to look first when it is not ok. A wrong value spreads to all that comes
            after, a wrong gradient to all that comes before; these are where it starts.
    """

    nodes: tuple[Agreement, ...]
    bound: float = BOUND
    suspects: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every error is within the bound."""
        return all(node.error <= self.bound for node in self.nodes)

    @property
    def headline(self) -> str:
        """Whether it is verified, and the largest error."""
        worst = max(self.nodes, key=lambda node: node.error)
        answer = "ok" if self.ok else "NOT ok"
        return f"{answer}, {len(self.nodes)} nodes, largest error {worst.error:.1e} ({worst.name})"

    def display(self) -> Iterator[Block]:
        """The errors of every node, and what they say together."""
        rows = (
            (node.name, node.operator, _shown(node.forward_error), _shown(node.backward_error))
            for node in self.nodes
        )
        yield Grid(COLUMNS, tuple(rows))
        verdict = "every error is below" if self.ok else "NOT verified: an error exceeds"
        yield Line(
            f"{verdict} {self.bound:g}: reference formulas against PyTorch, float64, relative",
            "" if self.ok else "warning",
        )
        if self.unchecked:
            yield Line(
                f"Not checked, as others compute it: {', '.join(self.unchecked)}.", "warning"
            )
        if self.suspects:
            yield Line(f"Look first at: {', '.join(self.suspects)}.", "warning")

    def to_json(self) -> dict[str, object]:
        """The answer as plain numbers, lists and text."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "nodes": [
                {
                    "name": node.name,
                    "operator": node.operator,
                    "forward_error": node.forward_error,
                    "backward_error": node.backward_error,
                }
                for node in self.nodes
            ],
            "bound": self.bound,
            "suspects": list(self.suspects),
            "unchecked": list(self.unchecked),
        }


def verify(
    subject: NetworkLike,
    *,
    seed: int = 0,
    batch: int = 3,
    bound: float = BOUND,
    weights: Path | str | None = None,
) -> Verification:
    """Compare the reference formulas with PyTorch, node by node, in float64.

    Networks with batch normalization or dropout are compared as they predict and as they train,
    with the same noise; the larger error counts. A graph without a loss is given the usual one.

    Args:
        subject: a graph, a text, a name of the catalog or a .net file, which get random weights;
            or a model, its file or run folder, with its own. A name stands for the network's form
            for smaller pictures, where it has one.
        seed: of the random picture, target, weights and noise.
        batch: pictures at a time, 2 or more.
        bound: the largest relative error that counts as agreement.
        weights: a file of weights for a network that has none, as `fit_weights` takes it.

    Raises:
        SettingError: a batch below 2, with which a batch axis that is mixed up goes unseen; a
            seed below 0.
        WeightsError: the model's weights do not fit its graph.
        GraphError: an operator that PyTorch has no counterpart of.
        NotEnoughMemoryError: a node needs more than there is.
    """
    if batch < 2:
        raise SettingError(f"a batch of {batch} hides mistakes", remedy="Take 2 or more.")
    if type(seed) is not int or seed < 0:
        raise SettingError(f"seed is {shown(seed)}", remedy="Give a whole number of 0 or more.")
    subject = checkable_of(subject, weights)
    given = subject if isinstance(subject, Graph) else subject.graph
    with enough(given, batch, number=8, training=True):
        return _verified(subject, given, np.random.default_rng(seed), batch, bound)


def _verified(
    subject: Graph | Explainable, given: Graph, rng: np.random.Generator, batch: int, bound: float
) -> Verification:
    weights = _drawn(given, rng) if isinstance(subject, Graph) else nested(subject.weights)
    graph = _ended(given)
    inputs = [drawn_input(graph, node.name, batch, rng) for node in graph.inputs]
    target = drawn_target(graph, batch, rng)
    found = [_compared(graph, weights, inputs, target, training, rng) for training in _modes(graph)]
    suspects = next((_suspects(graph, each, bound) for each in found if _wrong(each, bound)), ())
    worst = [_worst([each[node.name] for each in found]) for node in graph if node.name in given]
    unchecked = tuple(node.name for node in given if node.operator.is_foreign)
    return Verification(tuple(each.agreement() for each in worst), bound, suspects, unchecked)


def drawn_input(graph: Graph, name: str, batch: int, rng: np.random.Generator) -> Array:
    """Random numbers for a batch of the input `name`, or tokens where it holds those."""
    shape, vocabulary = (batch, *graph.specs[name].shape), graph.vocabulary(name)
    if vocabulary is None:
        return rng.standard_normal(shape)
    return rng.integers(0, vocabulary, shape).astype(np.float64)


def _modes(graph: Graph) -> tuple[bool, ...]:
    """Without and, where it matters, with training."""
    for node in graph:
        if node.operator.is_random or not all(
            weight.trainable for weight in graph.weights(node).values()
        ):
            return (False, True)
    return (False,)


def _ended(graph: Graph) -> Graph:
    """The graph with a loss: the usual one, or the squared error where the output is a map."""
    try:
        scores = graph.specs[graph.scores.name]
        if graph.loss or (scores.rank == 1 and scores.size > 1):
            return with_loss(graph)
    except ShapeError:
        pass
    flat, loss = _free(graph, "flattened"), _free(graph, "distance")
    last = graph.nodes[-1].name
    added = (Node(flat, Flatten(), (last,)), Node(loss, SquaredError(), (flat,)))
    return Graph((*graph.nodes, *added), graph.auxiliary)


def _free(graph: Graph, name: str) -> str:
    while name in graph:
        name += "_"
    return name


def drawn_target(graph: Graph, batch: int, rng: np.random.Generator) -> Array:
    """A random target that the loss of `graph` can compare a batch with."""
    scores, loss = graph.specs[graph.scores.name], graph.loss
    if loss is not None and isinstance(loss.operator, SquaredError):
        # Wanted values make every entry of the first error another random number.
        return rng.standard_normal((batch, *scores.shape))
    if loss is not None and isinstance(loss.operator, CTC):
        # One label at every other step always fits.
        labels = np.delete(np.arange(scores.channels), loss.operator.blank)
        return rng.choice(labels, (batch, (scores.spatial[0] + 1) // 2))
    return rng.integers(0, scores.channels, (batch, *scores.spatial))


def _compared(
    graph: Graph,
    weights: Weights,
    inputs: list[Array],
    target: Array,
    training: bool,
    rng: np.random.Generator,
) -> dict[str, _Errors]:
    from striate.pytorch.evaluate import values_and_gradients

    trace = run(graph, weights, inputs, target=target, training=training, rng=rng)
    backward = trace.backward()
    second = values_and_gradients(
        graph, weights, inputs, target, training=training, noise=trace.noise
    )
    values = _largest(second.values, graph, lambda name: graph[name].inputs)
    slopes = _largest(second.gradients, reversed(tuple(graph)), graph.consumers.__getitem__)
    return {
        node.name: _errors(node, trace, backward, second, values[node.name], slopes)
        for node in graph
    }


def _largest(
    numbers: Mapping[str, Array], nodes: Iterable[Node], made_of: Callable[[str], Sequence[str]]
) -> dict[str, float]:
    """The largest of every node's numbers, and of those they are made of."""
    found: dict[str, float] = {}
    for node in nodes:
        own = float(np.abs(numbers[node.name]).max(initial=0.0))
        found[node.name] = max(own, *(found[each] for each in made_of(node.name)), 0.0)
    return found


def _errors(
    node: Node,
    trace: Trace,
    backward: Backward,
    second: NodeValues,
    value: float,
    slopes: Mapping[str, float],
) -> _Errors:
    least = CANCELED * slopes[node.name]
    found, wanted = backward.weights.get(node.name, {}), second.weight_gradients.get(node.name, {})
    by_weight = [
        distance(found[key], wanted[key], least) if key in found and key in wanted else float("inf")
        for key in {**found, **wanted}
    ]
    return _Errors(
        node,
        distance(trace.values[node.name], second.values[node.name], CANCELED * value),
        distance(backward.nodes[node.name], second.gradients[node.name], least),
        {
            name: distance(backward.nodes[name], second.gradients[name], least)
            for name in node.inputs
        },
        max(by_weight, default=0.0),
    )


def distance(found: Array, wanted: Array, least: float = 0.0) -> float:
    """max |found - wanted| / max(max |wanted|, least).

    Infinite when a number is not finite or the shapes differ.
    """
    if found.shape != wanted.shape:
        return float("inf")
    difference = float(np.abs(found - wanted).max(initial=0.0))
    scale = max(float(np.abs(wanted).max(initial=0.0)), least)
    if not isfinite(difference) or not isfinite(scale):
        return float("inf")
    return difference / scale if scale else difference


def _worst(each: list[_Errors]) -> _Errors:
    """The largest errors of several comparisons of one node."""
    first = each[0]
    return _Errors(
        first.node,
        max(one.value for one in each),
        max(one.arriving for one in each),
        {name: max(one.inputs[name] for one in each) for name in first.inputs},
        max(one.weights for one in each),
    )


def _wrong(found: Mapping[str, _Errors], bound: float) -> bool:
    return any(not each.largest <= bound for each in found.values())


def _suspects(graph: Graph, found: Mapping[str, _Errors], bound: float) -> tuple[str, ...]:
    """The first wrong value; or else the nodes whose gradients go wrong though all that arrives
    at them, and at the other readers of the same inputs, is right."""
    values = [name for name, each in found.items() if not each.value <= bound]
    if values:
        return tuple(values[:1])
    wrong = {name for name, each in found.items() if not each.arriving <= bound}
    suspects = []
    for name, each in found.items():
        spoiled = [
            source
            for source, error in each.inputs.items()
            if not error <= bound and wrong.isdisjoint(graph.consumers[source])
        ]
        if name not in wrong and (spoiled or not each.weights <= bound):
            suspects.append(name)
    return tuple(suspects)


def _drawn(graph: Graph, rng: np.random.Generator) -> dict[str, dict[str, Array]]:
    """Random weights that keep the size of values; biases and statistics are random too."""
    return {
        node.name: {name: _weight(weight, rng) for name, weight in graph.own_weights(node).items()}
        for node in graph
        if graph.own_weights(node)
    }


def _weight(weight: Weight, rng: np.random.Generator) -> Array:
    if weight.role in ("gain", "statistic_one"):
        return rng.uniform(0.5, 1.5, weight.shape)
    spread = np.sqrt(2 / weight.fan_in) if weight.role == "kernel" else 0.1
    return spread * rng.standard_normal(weight.shape)
