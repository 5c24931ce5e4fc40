"""How many bytes a training step takes at most, before one is computed.

A walk over the lives of all arrays, forward and back, in the order in which PyTorch makes and drops
them: an output lives until its last reader has run, or until the backward of an operator that
keeps it (`Operator.kept`); a gradient from the first reader's backward to its own layer's. Counted
are float32 numbers as plain layers hold them; the workspace of PyTorch's kernels is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import SettingError, ShapeError
from striate.graph import Graph, Operator, Saves, Spec
from striate.graph.saves import NUMBER
from striate.memory import size
from striate.passes.attach_loss import loss_of

BATCH = 128
"""Pictures a step: what `striate train` takes."""

STATES: Mapping[str, int] = {"sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2}
"""Arrays as large as the parameters that each optimizer keeps."""


@dataclass(frozen=True, slots=True, repr=False)
class TrainingMemory(Displayed):
    """Bytes of a training step, with an optimizer that keeps nothing.

    Args:
        batch: pictures a step.
        weights: all weights and statistics.
        gradients: one for each parameter.
        pictures: what comes in.
        kept: by node, and for each loss, what is kept of it between forward and backward: its
            output, if somebody keeps that, and arrays beside it.
        peak: the most that is there at once, weights and pictures included.
    """

    batch: int
    weights: int
    gradients: int
    pictures: int
    kept: Mapping[str, int]
    peak: int

    def with_optimizer(self, name: str) -> int:
        """The most that is there at once when an optimizer of this name (`STATES`) trains."""
        return self.peak + STATES[name] * self.gradients

    @property
    def headline(self) -> str:
        """The peak, its parts, and what optimizers add."""
        parts = (
            f"weights {size(self.weights)}",
            f"gradients {size(self.gradients)}",
            f"pictures {size(self.pictures)}",
            f"kept for the backward pass {size(sum(self.kept.values()))}",
        )
        return (
            f"Training in batches of {self.batch} takes at most {size(self.peak)} "
            f"({', '.join(parts)}, not all at once); momentum adds {size(self.gradients)}, Adam "
            f"{size(2 * self.gradients)}."
        )

    def display(self) -> Iterator[Block]:
        """What is kept of every layer."""
        columns = (Column("name", text=True), Column("kept"))
        yield Grid(columns, tuple((name, size(number)) for name, number in self.kept.items()))
        yield Line(self.headline)

    def to_json(self) -> dict[str, object]:
        """The form that `striate show --json` prints."""
        return {
            "batch": self.batch,
            "weight_bytes": self.weights,
            "gradient_bytes": self.gradients,
            "picture_bytes": self.pictures,
            "kept_bytes": sum(self.kept.values()),
            "kept_bytes_by_layer": dict(self.kept),
            "peak_bytes": {name: self.with_optimizer(name) for name in STATES},
        }


def training_memory(graph: Graph, batch: int = BATCH) -> TrainingMemory:
    """The bytes of one training step of `graph`, with its own loss or the usual one.

    Args:
        batch: pictures a step.

    Raises:
        SettingError: no pictures.
    """
    if type(batch) is not int or batch < 1:
        raise SettingError(
            f"a step on {batch} pictures", remedy="Give a number of 1 or more, such as 32."
        )
    walk = _Walk(graph, batch)
    walk.forward()
    kept = walk.kept()
    walk.backward()
    gradients = NUMBER * graph.parameters
    return TrainingMemory(batch, walk.weights, gradients, walk.pictures, kept, walk.heap.peak)


class _Heap:
    """Arrays by number, each with its bytes and how many hold it; and the most held at once."""

    def __init__(self, held: int) -> None:
        self.now = self.peak = held
        self.sizes: list[int] = []
        self.holders: list[int] = []

    def new(self, number: int) -> int:
        """An array of so many bytes, held once."""
        self.sizes.append(number)
        self.holders.append(1)
        self.now += number
        self.peak = max(self.peak, self.now)
        return len(self.sizes) - 1

    def hold(self, array: int) -> int:
        self.holders[array] += 1
        return array

    def drop(self, array: int) -> None:
        self.holders[array] -= 1
        if not self.holders[array]:
            self.now -= self.sizes[array]


@dataclass(frozen=True, slots=True)
class _Step:
    """A call of an operator, and whether a gradient goes back through it."""

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    specs: tuple[Spec, ...]
    output: Spec
    learns: bool
    weights: tuple[tuple[str, int], ...]
    """Its trainable weights: the name of each with its keeper's, and its bytes."""
    saves: Saves
    arrays: list[int] = field(default_factory=list)
    """What it keeps, once it has run."""


class _Walk:
    """A training step, array by array."""

    def __init__(self, graph: Graph, batch: int) -> None:
        self.graph, self.batch = graph, batch
        weights = (weight for node in graph for weight in graph.own_weights(node).values())
        self.weights = NUMBER * sum(weight.size for weight in weights)
        self.pictures = sum(self._bytes(graph.specs[node.name]) for node in graph.inputs)
        self.heap = _Heap(self.weights)
        self.steps = list(_steps(graph))
        self.learns = {step.name: step.learns for step in self.steps}
        self.values: dict[str, int] = {}
        self.beside: dict[str, int] = {}
        self.gradients: dict[str, int] = {}
        self.found: set[str] = set()

    def _bytes(self, spec: Spec) -> int:
        return NUMBER * self.batch * spec.size

    def _output(self, step: _Step) -> int:
        """Bytes of what a step makes: a loss makes the mean of the batch."""
        return NUMBER if step.operator.is_loss else self._bytes(step.output)

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

    def _run(self, step: _Step) -> None:
        saves, heap = step.saves, self.heap
        read = [self.values[name] for name in step.inputs]
        beside = saves.beside(self.batch, step.output) if step.learns else 0
        if beside:
            step.arrays.append(heap.new(beside))
            self.beside[step.name] = beside
        if saves.views:
            self.values[step.name] = heap.hold(read[0]) if read else heap.new(0)
        else:
            self.values[step.name] = heap.new(self._output(step))
        if step.learns:
            step.arrays.extend(heap.hold(read[k]) for k in saves.of(step.specs))
            if saves.output:
                step.arrays.append(heap.hold(self.values[step.name]))

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

    def _return(self, step: _Step) -> None:
        heap, gradient = self.heap, self.gradients.pop(step.name)
        handed = step.saves.handed(step.specs, step.output)
        made = [
            (name, heap.hold(gradient) if k in handed else heap.new(self._bytes(step.specs[k])))
            for k, name in enumerate(step.inputs)
            if self.learns[name]
        ]
        again = []
        for weight, number in step.weights:
            array = heap.new(number)
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


def _steps(graph: Graph) -> Iterator[_Step]:
    """The calls of a training step: the nodes, then the loss of each exit."""
    learns: dict[str, bool] = {}
    for node in graph:
        if node is graph.loss:
            continue
        weights = tuple(
            (f"{graph.keeper(node, name)}.{name}", NUMBER * weight.size)
            for name, weight in graph.weights(node).items()
            if weight.trainable
        )
        specs = graph.input_specs(node)
        learns[node.name] = bool(weights) or any(learns[name] for name in node.inputs)
        yield _Step(
            node.name,
            node.operator,
            node.inputs,
            specs,
            graph.specs[node.name],
            learns[node.name],
            weights,
            node.operator.kept(*specs),
        )
    for exit_ in (graph.scores.name, *(each.node for each in graph.auxiliary)):
        yield from _loss(graph, exit_, learns[exit_])


def _loss(graph: Graph, name: str, learns: bool) -> Iterator[_Step]:
    """The loss of an exit; none where the usual loss does not fit."""
    spec = graph.specs[name]
    try:
        loss = loss_of(graph, name)
        output = loss.shape(spec)
    except ShapeError:
        return
    saves = loss.kept(spec)
    yield _Step(f"loss of {name}", loss, (name,), (spec,), output, learns, (), saves)
