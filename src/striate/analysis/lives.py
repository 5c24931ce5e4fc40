"""The lives of all arrays of a training step or a prediction, in the order in which PyTorch makes
and drops them, and the moment at which most bytes are there.

An output lives until its last reader has run, or until the backward of an operator that keeps it
(`Operator.kept`); a gradient from the first reader's backward to its own layer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from striate.errors import ShapeError
from striate.graph import Graph, Operator, Saves, Spec
from striate.graph.saves import WIDTH
from striate.passes.attach_loss import loss_of


class Moment(NamedTuple):
    """What is done (forward, backward or update), and by which node."""

    phase: str
    node: str


class Heap:
    """Arrays by number, each with its bytes and how many hold it; and the most held at once."""

    def __init__(self, held: int) -> None:
        self.now = self.peak = held
        self.doing = self.peak_at = Moment("forward", "")
        self.sizes: list[int] = []
        self.holders: list[int] = []

    def new(self, number: int) -> int:
        """An array of so many bytes, held once."""
        self.sizes.append(number)
        self.holders.append(1)
        self.now += number
        if self.now > self.peak:
            self.peak, self.peak_at = self.now, self.doing
        return len(self.sizes) - 1

    def hold(self, array: int) -> int:
        self.holders[array] += 1
        return array

    def drop(self, array: int) -> None:
        self.holders[array] -= 1
        if not self.holders[array]:
            self.now -= self.sizes[array]


@dataclass(frozen=True, slots=True)
class Step:
    """A call of an operator, and whether a gradient goes back through it."""

    name: str
    node: str
    """The node that it belongs to: a loss that is no node of its own to the exit it judges."""
    operator: Operator
    inputs: tuple[str, ...]
    specs: tuple[Spec, ...]
    output: Spec
    learns: bool
    weights: tuple[tuple[str, int], ...]
    """Its trainable weights: the name of each with its keeper's, and its numbers."""
    saves: Saves
    arrays: list[int] = field(default_factory=list)
    """What it keeps, once it has run."""


class Walk:
    """A training step, array by array; or a prediction.

    Args:
        batch: pictures that enter.
        width: bytes of a number.
        training: whether gradients are to follow.
    """

    def __init__(
        self, graph: Graph, batch: int, *, width: int = WIDTH, training: bool = True
    ) -> None:
        self.graph, self.batch, self.width, self.training = graph, batch, width, training
        weights = (weight for node in graph for weight in graph.own_weights(node).values())
        self.weights = width * sum(weight.size for weight in weights)
        self.pictures = sum(self._bytes(graph.specs[node.name]) for node in graph.inputs)
        self.heap = Heap(self.weights)
        self.steps = list(_training_steps(graph) if training else _steps(graph, training=False))
        self.learns = {step.name: step.learns for step in self.steps}
        self.values: dict[str, int] = {}
        self.beside: dict[str, int] = {}
        self.gradients: dict[str, int] = {}
        self.found: set[str] = set()

    def _bytes(self, spec: Spec) -> int:
        return self.width * self.batch * spec.size

    def _output(self, step: Step) -> int:
        """Bytes of what a step makes: a loss makes the mean of the batch."""
        return self.width if step.operator.is_loss else self._bytes(step.output)

    def forward(self) -> None:
        """Make every value; drop it after its last reader, but for what enters and leaves."""
        last = {name: step.name for step in self.steps for name in step.inputs}
        stay = {node.name for node in self.graph.inputs}
        stay |= {self.graph.scores.name, *(each.node for each in self.graph.auxiliary)}
        for step in self.steps:
            self._run(step)
            for name in dict.fromkeys(step.inputs):
                if last[name] == step.name and name not in stay:
                    self.heap.drop(self.values[name])

    def _run(self, step: Step) -> None:
        saves, heap = step.saves, self.heap
        heap.doing = Moment("forward", step.node)
        read = [self.values[name] for name in step.inputs]
        beside = saves.beside(self.batch, step.output, self.width)
        made = heap.new(beside if step.learns or not self.training else 0)
        if saves.views:
            self.values[step.name] = heap.hold(read[0]) if read else heap.new(0)
        else:
            self.values[step.name] = heap.new(self._output(step))
        if step.learns:
            step.arrays.append(made)
            self.beside[step.name] = beside
            step.arrays.extend(heap.hold(read[k]) for k in saves.of(step.specs))
            if saves.output:
                step.arrays.append(heap.hold(self.values[step.name]))
        else:
            heap.drop(made)

    def kept(self) -> dict[str, int]:
        """By node and loss, the bytes that are there between forward and backward."""
        found, counted = {}, set()
        for step in self.steps:
            array = self.values[step.name]
            alive = self.heap.holders[array] and array not in counted
            counted.add(array)
            output = self.heap.sizes[array] if alive and not step.operator.is_input else 0
            found[step.name] = output + self.beside.get(step.name, 0)
        return found

    def backward(self) -> None:
        """Every gradient from the losses back, in the opposite order of the values."""
        for step in reversed(self.steps):
            if step.operator.is_loss:
                self.gradients[step.name] = self.heap.new(self._output(step))
            if step.learns:
                self._return(step)

    def _return(self, step: Step) -> None:
        heap, gradient = self.heap, self.gradients.pop(step.name)
        heap.doing = Moment("backward", step.node)
        handed = step.saves.handed(step.specs, step.output)
        made = [
            (name, heap.hold(gradient) if k in handed else heap.new(self._bytes(step.specs[k])))
            for k, name in enumerate(step.inputs)
            if self.learns[name]
        ]
        again = []
        for weight, numbers in step.weights:
            array = heap.new(self.width * numbers)
            if weight in self.found:  # is added to the gradient that is there
                again.append(array)
            self.found.add(weight)
        for array in (gradient, *step.arrays, *again):
            heap.drop(array)
        for name, array in made:
            self._gather(name, array)

    def _gather(self, name: str, more: int) -> None:
        """One of several gradients of a value: added where one of the two is nobody else's."""
        if name not in self.gradients:
            self.gradients[name] = more
            return
        old, number = self.gradients[name], self._bytes(self.graph.specs[name])
        for into, other in ((old, more), (more, old)):
            if self.heap.holders[into] == 1 and self.heap.sizes[into] == number:
                self.gradients[name] = into
                self.heap.drop(other)
                return
        self.gradients[name] = self.heap.new(number)
        self.heap.drop(old)
        self.heap.drop(more)


_PASSED = Saves(views=True)


def _steps(graph: Graph, *, training: bool) -> Iterator[Step]:
    """The calls of the nodes, but for the loss."""
    learns: dict[str, bool] = {}
    for node in graph:
        if node is graph.loss:
            continue
        weights = tuple(
            (f"{graph.keeper(node, name)}.{name}", weight.size)
            for name, weight in graph.weights(node).items()
            if weight.trainable
        )
        operator = node.operator if training else node.operator.evaluated()
        specs = graph.input_specs(node)
        reached = any(learns[each] for each in node.inputs)
        learns[node.name] = training and (bool(weights) or reached)
        yield Step(
            node.name,
            node.name,
            operator,
            node.inputs,
            specs,
            graph.specs[node.name],
            learns[node.name],
            weights,
            _PASSED if operator.passes_on and not training else operator.kept(*specs),
        )


def _training_steps(graph: Graph) -> Iterator[Step]:
    """The calls of a training step: the nodes, then the loss of each exit."""
    steps = {step.name: step for step in _steps(graph, training=True)}
    yield from steps.values()
    for exit_ in (graph.scores.name, *(each.node for each in graph.auxiliary)):
        yield from _loss(graph, exit_, steps[exit_].learns)


def _loss(graph: Graph, name: str, learns: bool) -> Iterator[Step]:
    """The loss of an exit; none where the usual loss does not fit."""
    spec = graph.specs[name]
    try:
        loss = loss_of(graph, name)
        output = loss.shape(spec)
    except ShapeError:
        return
    saves = loss.kept(spec)
    node = graph.loss.name if graph.loss and name == graph.scores.name else name
    yield Step(f"loss of {name}", node, loss, (name,), (spec,), output, learns, (), saves)


def inference_peak(graph: Graph, batch: int = 1, *, width: int = WIDTH) -> int:
    """The most bytes that are there at once in a prediction, weights and pictures included.

    Side exits and the loss are not computed, and dropout passes its input on.
    """
    used = graph.upto(graph.scores.name)
    walk = Walk(used, batch, width=width, training=False)
    walk.forward()
    return walk.heap.peak
