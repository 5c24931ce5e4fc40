"""How much memory a network takes, to infer and to train, before one number is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from striate.analysis.lives import Moment, inference_peak
from striate.analysis.training_memory import BATCH, STATES, TrainingMemory, training_memory
from striate.capacity import bytes_of, size
from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import SettingError, did_you_mean
from striate.graph import Graph
from striate.lookup import NetworkLike, graph_of
from striate.notation import operator_text

T = TypeVar("T")

DTYPES: Mapping[str, int] = {"float32": 4, "float64": 8, "bfloat16": 2}
"""Types that a network can compute in, and the bytes of a number."""

MOST = 1 << 24
"""Pictures beyond which no larger batch is looked for."""

ON_TOP = (
    "Counted are the arrays of layers that run one by one, all numbers of them in this type, and "
    "of torch.optim as it is on a CPU.",
    "A backend takes more on top: the workspace of its convolutions (little in large networks, up "
    "to 20 % in narrow ones: docs/memory.md); on a GPU also its context, what its allocator keeps, "
    "and copies of all parameters where an optimizer updates them at once (foreach).",
)
"""What the numbers are of, for the footer."""

_PHASES = {
    "forward": "in the forward pass of {}",
    "backward": "in the backward pass of {}",
    "update": "while the optimizer updates {}",
}


@dataclass(frozen=True, slots=True, repr=False)
class Memory(Displayed):
    """Bytes that a network takes for batches of one size.

    Args:
        optimizer: its name.
        dtype: the type of all numbers.
        infer_bytes: the most that is there at once in a prediction: weights, pictures, values.
        training: what is there in a training step.
        saved_by_operator: what is kept for the backward pass, by the operator that keeps it.
        not_counted: what is not known.
        budget: bytes that there may be; None where nobody asked.
        largest: the largest batch within the budget, to train and to infer; 0 for none.
    """

    optimizer: str
    dtype: str
    infer_bytes: int
    training: TrainingMemory
    saved_by_operator: Mapping[str, int]
    not_counted: tuple[str, ...] = ()
    budget: int | None = None
    largest: Mapping[str, int] | None = None

    @property
    def batch(self) -> int:
        """Pictures at a time."""
        return self.training.batch

    @property
    def train_bytes(self) -> int:
        """The most that is there at once in a training step."""
        return self.training.with_optimizer(self.optimizer)

    @property
    def optimizer_bytes(self) -> int:
        """What the optimizer keeps from step to step."""
        return STATES[self.optimizer] * self.training.gradients

    @property
    def saved(self) -> int:
        """What autograd keeps from forward to backward."""
        return sum(self.training.kept.values())

    @property
    def peak(self) -> Moment:
        """When most is there in a training step: forward, backward or update, and of which node."""
        return self.training.peak_with(self.optimizer)

    @property
    def fits(self) -> bool:
        """Whether the budget, where there is one, has room to train on one picture at a time."""
        return self.largest is None or self.largest["train"] > 0

    @property
    def headline(self) -> str:
        """Inference and training, for which batch."""
        return (
            f"batches of {self.batch:,} in {self.dtype}: {size(self.infer_bytes)} to infer, "
            f"{size(self.train_bytes)} to train with {self.optimizer}"
        )

    def display(self) -> Iterator[Block]:
        """The parts, what is kept by operator, the peak, and what is not counted."""
        yield Line(self.headline[0].upper() + self.headline[1:] + ".", "strong")
        parts = {
            "weights": self.training.weights,
            "gradients": self.training.gradients,
            f"state of {self.optimizer}": self.optimizer_bytes,
            "pictures": self.training.pictures,
            "saved for the backward pass": self.saved,
        }
        rows = ((name, f"{number:,}", size(number)) for name, number in parts.items())
        yield Grid((Column("part", text=True), Column("bytes", rank=1), Column("")), tuple(rows))
        yield Grid(
            (Column("saved of", text=True), Column("bytes", rank=1), Column(""), Column("share")),
            tuple(self._saved_rows()),
        )
        yield Line(f"Most is there {_PHASES[self.peak.phase].format(self.peak.node)}.")
        yield from self._budget_lines()
        yield from (Line(line, "quiet") for line in ON_TOP)
        yield from (Line(f"Not known: {line}.", "warning") for line in self.not_counted)

    def _saved_rows(self) -> Iterator[tuple[str, ...]]:
        largest_first = sorted(self.saved_by_operator.items(), key=lambda each: -each[1])
        for operator, number in largest_first:
            if number:
                share = f"{100 * number / self.saved:.1f} %"
                yield operator, f"{number:,}", size(number), share

    def _budget_lines(self) -> Iterator[Line]:
        if self.budget is None or self.largest is None:
            return
        train, infer = (_batch(self.largest[way]) for way in ("train", "infer"))
        yield Line(
            f"The largest batch within {size(self.budget)}: {train} to train, {infer} to infer.",
            "" if self.fits else "warning",
        )

    def to_json(self) -> dict[str, object]:
        """The form that `striate memory --json` prints."""
        return {
            "schema_version": 1,
            "batch": self.batch,
            "dtype": self.dtype,
            "optimizer_name": self.optimizer,
            "infer_bytes": self.infer_bytes,
            "train_bytes": self.train_bytes,
            "weights": self.training.weights,
            "gradients": self.training.gradients,
            "optimizer": self.optimizer_bytes,
            "pictures": self.training.pictures,
            "saved": self.saved,
            "saved_by_operator": dict(self.saved_by_operator),
            "saved_by_layer": dict(self.training.kept),
            "peak_at": self.peak.node,
            "peak_in": self.peak.phase,
            "budget": self.budget,
            "largest_batch": self.largest and dict(self.largest),
            "counted": list(ON_TOP),
            "not_counted": list(self.not_counted),
        }


def memory(
    network: NetworkLike,
    *,
    batch: int = BATCH,
    optimizer: str = "adam",
    dtype: str = "float32",
    budget: int | str | None = None,
) -> Memory:
    """The bytes that a network takes to infer and to train.

    Args:
        network: a graph, a model or a capture; or a text, a name of the catalog, a file.
        batch: pictures at a time.
        optimizer: sgd, momentum, nesterov, adam or adamw.
        dtype: float32, float64 or bfloat16, of weights, values and gradients alike.
        budget: bytes, or a text such as "8GiB", for which the largest batch is looked for.

    Raises:
        UnknownNameError, NotationError, ModelFileError: it stands for no network.
        SettingError: there is no such optimizer or type, or the batch has no pictures.

    >>> answer = memory("INPUT 10 -> FC 8 -> RELU -> FC 4", batch=2, optimizer="momentum")
    >>> answer.training.weights, answer.optimizer_bytes
    (496, 496)
    """
    graph = graph_of(network)
    width = _known("type", dtype, DTYPES)
    _known("optimizer", optimizer, STATES)
    answer = training_memory(graph, batch, width=width)
    infer = inference_peak(graph, batch, width=width)
    opaque = tuple(node.name for node in graph if node.operator.is_foreign)
    missing = f"what training keeps of {', '.join(opaque)} beside inputs and output"
    room = None if budget is None else bytes_of(budget)
    return Memory(
        optimizer,
        dtype,
        infer,
        answer,
        _by_operator(graph, answer.kept),
        (missing,) if opaque else (),
        room,
        None if room is None else _largest(graph, room, optimizer, width),
    )


def _known(what: str, given: str, known: Mapping[str, T]) -> T:
    if given in known:
        return known[given]
    near = did_you_mean(given, known) or f"There are: {', '.join(known)}."
    raise SettingError(f"there is no {what} {given!r}", remedy=near)


def _by_operator(graph: Graph, kept: Mapping[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, number in kept.items():
        written = operator_text(graph[name].operator) if name in graph else "loss"
        operator = written.partition(" ")[0]
        found[operator] = found.get(operator, 0) + number
    return found


def _largest(graph: Graph, room: int, optimizer: str, width: int) -> dict[str, int]:
    """The largest batches within `room` bytes."""

    def to_train(batch: int) -> int:
        return training_memory(graph, batch, width=width).with_optimizer(optimizer)

    def to_infer(batch: int) -> int:
        return inference_peak(graph, batch, width=width)

    return {"train": _most(to_train, room), "infer": _most(to_infer, room)}


def _most(takes: Callable[[int], int], room: int) -> int:
    """The largest batch that takes no more than `room` bytes; 0 for none, `MOST` for any."""
    fits, beyond = 0, 1
    while beyond <= MOST and takes(beyond) <= room:
        fits, beyond = beyond, 2 * beyond
    while beyond - fits > 1 and fits < MOST:
        middle = (fits + beyond) // 2
        fits, beyond = (middle, beyond) if takes(middle) <= room else (fits, middle)
    return fits


def _batch(pictures: int) -> str:
    if pictures >= MOST:
        return f"{MOST:,} pictures or more"
    return {0: "no picture", 1: "1 picture"}.get(pictures, f"{pictures:,} pictures")
