"""The table of a network: what every layer makes, holds, costs and sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from striate.analysis.memory import memory
from striate.analysis.receptive_field import ReceptiveField, receptive_fields
from striate.graph import Graph, Spec
from striate.notation import operator_text

COUNTED = (
    "Parameters are trainable numbers; running statistics of batch normalization are not among "
    "them.",
    "Connections are units x (fan-in + bias), as LeCun counted; activations, merges and "
    "normalization belong to the layer before them and add none.",
    "Multiply-adds are products that are summed: taps on zero padding count, the bias does not, "
    "one multiply-add is one.",
    "Activations are the outputs of all layers for one picture in float32.",
)
"""What the columns count, for the footer."""


@dataclass(frozen=True, slots=True)
class Row:
    """One layer.

    Args:
        name, operator, settings: as in the notation; `operator` is its keyword.
        output: the output spec.
        parameters, connections, multiply_adds: as the footer says.
        other: additions, comparisons and function values beside the multiply-adds.
        activation_bytes: the output in float32.
        receptive_field: what one unit sees of the input.
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
        }


@dataclass(frozen=True, slots=True)
class Table:
    """All layers of a network with their totals.

    Args:
        rows: one a node, in calculating order.
        weight_bytes: all weights and statistics in float32.
        peak_bytes: the most activations alive at once in inference.
        not_counted: what the table could not answer, each with its reason.
    """

    rows: tuple[Row, ...]
    weight_bytes: int
    peak_bytes: int
    not_counted: tuple[str, ...]

    @property
    def totals(self) -> Mapping[str, int]:
        """Sums of the columns."""
        names = ("parameters", "connections", "multiply_adds", "activation_bytes")
        return {name: sum(getattr(row, name) for row in self.rows) for name in names}

    def to_json(self) -> dict[str, object]:
        """The form that `striate show --json` prints."""
        return {
            "schema_version": 1,
            "layers": [row.to_json() for row in self.rows],
            "totals": dict(self.totals)
            | {"weight_bytes": self.weight_bytes, "peak_activation_bytes": self.peak_bytes},
            "counted": list(COUNTED),
            "not_counted": list(self.not_counted),
        }


def table(graph: Graph) -> Table:
    """Shapes, parameters, connections, work, memory and receptive field of every layer.

    No weight is made and no number of the network is computed.
    """
    fields = receptive_fields(graph)
    used = memory(graph)
    rows = []
    for node in graph:
        before = graph.input_specs(node)
        cost = node.operator.cost(*before)
        axes = len(before[0].spatial) if before else 0
        keyword, _, settings = operator_text(node.operator, axes=axes).partition(" ")
        weights = graph.weights(node).values()
        rows.append(
            Row(
                node.name,
                keyword,
                settings,
                graph.specs[node.name],
                sum(weight.size for weight in weights if weight.trainable),
                cost.connections,
                cost.multiply_adds,
                cost.other,
                used.activations[node.name],
                fields[node.name],
            )
        )
    unknown = tuple(
        f"receptive field of {name}: {field.unknown}"
        for name, field in fields.items()
        if field.unknown
    )
    return Table(tuple(rows), used.weights, used.peak, unknown)
