"""How many bytes a training step takes at most, before one is computed.

A walk over the lives of all arrays, forward and back (`lives`), and the update of the weights.
Counted is what plain layers hold; the workspace of PyTorch's kernels is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from striate.analysis.lives import Moment, Walk
from striate.capacity import size
from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import SettingError
from striate.graph import Graph
from striate.graph.saves import WIDTH

BATCH = 128
"""Pictures a step: what `striate train` takes."""

STATES: Mapping[str, int] = {"sgd": 0, "momentum": 1, "nesterov": 1, "adam": 2, "adamw": 2}
"""Arrays as large as the parameters that each optimizer keeps."""

BETWEEN: Mapping[str, int] = {"sgd": 0, "momentum": 0, "nesterov": 1, "adam": 2, "adamw": 2}
"""Arrays as large as the parameter that is updated which `torch.optim` makes and drops."""


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
        peak_at: when that is.
        after: what is there once all gradients are.
        largest: the parameter with most bytes: its node, and how many.
    """

    batch: int
    weights: int
    gradients: int
    pictures: int
    kept: Mapping[str, int]
    peak: int
    peak_at: Moment
    after: int
    largest: tuple[str, int]

    def with_optimizer(self, name: str) -> int:
        """The most that is there at once when an optimizer of this name (`STATES`) trains."""
        return max(self.peak, self._update(name)) + STATES[name] * self.gradients

    def peak_with(self, name: str) -> Moment:
        """When that is: in a pass, or in the update of the largest parameter."""
        return (
            self.peak_at if self.peak >= self._update(name) else Moment("update", self.largest[0])
        )

    def _update(self, name: str) -> int:
        return self.after + BETWEEN[name] * self.largest[1]

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


def training_memory(graph: Graph, batch: int = BATCH, *, width: int = WIDTH) -> TrainingMemory:
    """The bytes of one training step of `graph`, with its own loss or the usual one.

    Args:
        batch: pictures a step.
        width: bytes of a number: 4 in float32.

    Raises:
        SettingError: no pictures.
    """
    if type(batch) is not int or batch < 1:
        raise SettingError(
            f"a step on {batch} pictures", remedy="Give a number of 1 or more, such as 32."
        )
    walk = Walk(graph, batch, width=width)
    walk.forward()
    kept = walk.kept()
    walk.backward()
    heap = walk.heap
    return TrainingMemory(
        batch,
        walk.weights,
        width * graph.parameters,
        walk.pictures,
        kept,
        heap.peak,
        heap.peak_at,
        heap.now,
        _largest(graph, width),
    )


def _largest(graph: Graph, width: int) -> tuple[str, int]:
    """The node with the largest parameter, and the bytes of that."""
    sizes = (
        (weight.size, node.name)
        for node in graph
        for weight in graph.own_weights(node).values()
        if weight.trainable
    )
    number, name = max(sizes, default=(0, ""))
    return name, width * number
