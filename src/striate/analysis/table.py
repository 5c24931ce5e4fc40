"""The table of a network: what every layer makes, holds, costs and sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from csv import writer
from dataclasses import dataclass, replace
from io import StringIO
from typing import Protocol, runtime_checkable

from striate.analysis.lives import inference_peak
from striate.analysis.receptive_field import ReceptiveField, receptive_fields
from striate.analysis.training_memory import BATCH, TrainingMemory, training_memory
from striate.capacity import size
from striate.display import Block, Column, Displayed, Grid, Line, count, shape_text, visible
from striate.graph import Graph, Node, Spec
from striate.graph.saves import WIDTH
from striate.lookup import NetworkLike, is_model, subject_of
from striate.notation import operator_text

COUNTED = (
    "Parameters are trainable numbers; running statistics of batch normalization are not among "
    "them.",
    "Connections are units x (fan-in + bias), as LeCun counted; activations, merges and "
    "normalization belong to the layer before them and add none.",
    "Multiply-adds are products that are summed: taps on zero padding count, the bias does not, "
    "one multiply-add is one.",
    "Activations are the outputs of all layers for one picture in float32.",
    "The memory of training is that of plain layers, in float32, without the workspace of "
    "PyTorch's kernels: docs/memory.md.",
)
"""What the columns count, for the footer."""


@dataclass(frozen=True, slots=True)
class Row:
    """One layer.

    Args:
        name, operator, settings: as in the notation; `operator` is its keyword.
        shares: the layer whose weights it uses, which are counted there; nothing for its own.
        output: the output spec.
        parameters, connections, multiply_adds: as the footer says.
        other: additions, comparisons and function values beside the multiply-adds.
        activation_bytes: the output in float32.
        receptive_field: what one unit sees of the input.
        foreign: whether others compute it: its work and parameters are not counted.
    """

    name: str
    operator: str
    settings: str
    output: Spec
    parameters: int
    connections: int
    multiply_adds: int
    other: int
    activation_bytes: int
    receptive_field: ReceptiveField
    shares: str = ""
    foreign: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as it is shown, a cell for each of `COLUMNS`."""
        spans = self.receptive_field.spans
        return (
            self.name,
            f"{self.operator} {self.settings}".strip() + self._sharing,
            str(self.output),
            *(("?",) * 3 if self.foreign else map(count, self._counts)),
            shape_text((span.size for span in spans), ""),
            _by_axis([span.stride for span in spans]),
            _by_axis([span.offset for span in spans]),
            size(self.activation_bytes),
        )

    @property
    def _counts(self) -> tuple[int, int, int]:
        return self.parameters, self.connections, self.multiply_adds

    @property
    def _sharing(self) -> str:
        return f", shares {self.shares}" if self.shares else ""

    def to_json(self) -> dict[str, object]:
        """The row as `striate show --json` prints it."""
        return {
            "name": self.name,
            "operator": self.operator,
            "settings": self.settings,
            "output": list(self.output.shape),
            "parameters": self.parameters,
            "connections": self.connections,
            "multiply_adds": self.multiply_adds,
            "other_operations": self.other,
            "activation_bytes": self.activation_bytes,
            "receptive_field": self.receptive_field.to_json(),
            **({"shares": self.shares} if self.shares else {}),
        }


COLUMNS = (
    Column("name", text=True),
    Column("layer", text=True, wide=40),
    Column("output", text=True),
    Column("parameters", rank=1),
    Column("connections", rank=5),
    Column("multiply-adds", rank=2),
    Column("sees", rank=3),
    Column("stride", rank=6),
    Column("offset", rank=7),
    Column("memory", rank=4),
)
"""How the table is shown; the rank says what tells the least where there is little room."""


@dataclass(frozen=True, slots=True, repr=False)
class Table(Displayed):
    """All layers of a network with their totals.

    Args:
        rows: one per node, in calculating order.
        weight_bytes: all weights and statistics in float32.
        peak_bytes: the most activations alive at once in inference, the picture included.
        training: the memory of a training step.
        not_counted: what the table could not answer, each with its reason.
        native: the share of nodes, and of multiply-adds, that have a formula here; None where
            nobody knows the work of the others.
        is_foreign: whether the network came from elsewhere, so that a line says that share.
    """

    rows: tuple[Row, ...]
    weight_bytes: int
    peak_bytes: int
    training: TrainingMemory
    not_counted: tuple[str, ...]
    native: Mapping[str, float | None]
    is_foreign: bool = False

    @property
    def totals(self) -> Mapping[str, int]:
        """Sums of the columns."""
        names = ("parameters", "connections", "multiply_adds", "activation_bytes")
        return {name: sum(getattr(row, name) for row in self.rows) for name in names}

    @property
    def headline(self) -> str:
        """Layers, parameters and work in all."""
        totals = self.totals
        return (
            f"{len(self.rows)} layers, {totals['parameters']:,} parameters, "
            f"{totals['multiply_adds']:,} multiply-adds"
        )

    def display(self) -> Iterator[Block]:
        """The table with its totals, and what its columns count."""
        sums = {key.replace("_", "-"): f"{value:,}" for key, value in self.totals.items()}
        sums |= {"name": "total", "memory": size(self.totals["activation_bytes"])}
        columns = (replace(each, total=sums.get(each.heading, "")) for each in COLUMNS)
        yield Grid(tuple(columns), tuple(row.cells for row in self.rows))
        yield Line(
            f"Weights take {size(self.weight_bytes)} in float32; inference keeps at most "
            f"{size(self.peak_bytes)} of activations alive per picture."
        )
        yield Line(self.training.headline)
        yield from (Line(line, "quiet") for line in COUNTED)
        yield from (Line(f"Not known: {line}.", "warning") for line in self.not_counted)
        if self.is_foreign:
            nodes, work = (_percent(self.native[each]) for each in ("nodes", "multiply_adds"))
            yield Line(f"Native, with a formula here: {nodes} of nodes, {work} of multiply-adds.")

    def csv(self) -> str:
        """The rows for a program that reads tables: plain numbers, bytes, a line for each layer."""
        out = StringIO()
        written = writer(out, lineterminator="\n")
        written.writerow([*_WORDS, "output", *_NUMBERS, *_FIELD])
        for row in self.rows:
            form = row.to_json()
            words = (visible(str(form.get(each, ""))) for each in _WORDS)
            numbers = ("" if row.foreign else form[each] for each in _NUMBERS)
            spans = row.receptive_field.spans
            seen = (shape_text((getattr(s, each) for s in spans), "") for each in _FIELD)
            written.writerow([*words, str(row.output), *numbers, *seen])
        return out.getvalue()

    def to_json(self) -> dict[str, object]:
        """The form that `striate show --json` prints."""
        return {
            "schema_version": 1,
            "layers": [row.to_json() for row in self.rows],
            "totals": dict(self.totals)
            | {"weight_bytes": self.weight_bytes, "peak_activation_bytes": self.peak_bytes},
            "training_memory": self.training.to_json(),
            "counted": list(COUNTED),
            "not_counted": list(self.not_counted),
            "native": dict(self.native),
        }


_WORDS = ("name", "operator", "settings", "shares")
_NUMBERS = ("parameters", "connections", "multiply_adds", "other_operations", "activation_bytes")
_FIELD = ("size", "stride", "offset")


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{100 * share:.4g} %"


def _by_axis(numbers: list[int]) -> str:
    """One number when the axes are alike, else one per axis."""
    return shape_text(numbers[:1] if len(set(numbers)) == 1 else numbers, "")


def table(network: NetworkLike, *, batch: int = BATCH) -> Table:
    """Shapes, parameters, connections, work, memory and receptive field of every layer.

    No weight is made and no number of the network is computed.

    Args:
        network: a graph, a model or a capture; or a text, a name of the catalog, a .net file, a
            model file or a run folder.
        batch: pictures a training step takes, for its memory.

    Raises:
        UnknownNameError, NotationError, ModelFileError: it stands for no network.
        SettingError: a batch has no pictures.
    """
    subject = subject_of(network)
    graph = subject if isinstance(subject, Graph) else subject.graph
    fields = receptive_fields(graph)
    rows = tuple(_row(graph, node, fields[node.name]) for node in graph)
    uncounted = tuple(
        f"work and parameters of {row.name}, and what training keeps beside its inputs and output: "
        f"others compute {row.settings.rpartition(' ')[0]}"
        for row in rows
        if row.foreign
    )
    training = training_memory(graph, batch)
    missing = (*uncounted, *_unknown(fields))
    return Table(
        rows,
        training.weights,
        inference_peak(graph) - training.weights,
        training,
        missing,
        _native(subject, graph),
        not isinstance(subject, Graph) and not is_model(subject),
    )


@runtime_checkable
class _WithNative(Protocol):
    """A capture, which can ask PyTorch for the work of what it does not know."""

    @property
    def native(self) -> Mapping[str, float]: ...


def _native(subject: object, graph: Graph) -> Mapping[str, float | None]:
    """The share of nodes, and of multiply-adds, that have a formula here."""
    foreign = sum(node.operator.is_foreign for node in graph)
    if foreign and isinstance(subject, _WithNative):
        return dict(subject.native)
    return {"nodes": 1 - foreign / len(graph), "multiply_adds": None if foreign else 1.0}


def _row(graph: Graph, node: Node, field: ReceptiveField) -> Row:
    before = graph.input_specs(node)
    cost = node.operator.cost(*before)
    axes = len(before[0].spatial) if before else 0
    keyword, _, settings = operator_text(node.operator, axes=axes).partition(" ")
    weights = graph.own_weights(node).values()
    return Row(
        node.name,
        keyword,
        settings,
        graph.specs[node.name],
        sum(weight.size for weight in weights if weight.trainable),
        cost.connections,
        cost.multiply_adds,
        cost.other,
        WIDTH * graph.specs[node.name].size,
        field,
        node.shares,
        node.operator.is_foreign,
    )


def _unknown(fields: Mapping[str, ReceptiveField]) -> Iterator[str]:
    """Which receptive fields are not known, a line for each reason: most lie behind one node."""
    for reason in dict.fromkeys(field.unknown for field in fields.values() if field.unknown):
        first, *others = (name for name, field in fields.items() if field.unknown == reason)
        more = f" and {len(others)} more, to {others[-1]}" if len(others) > 1 else ""
        if len(others) == 1:
            more = f" and {others[0]}"
        yield f"receptive field of {first}{more}: {reason}"
