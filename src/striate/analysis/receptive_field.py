"""How much of the input one unit sees: size, stride and offset, through branches too.

Along one axis a layer with window k, dilation d, stride s and padding p maps the field of the
layer before it (size r, stride j, offset a) to

    r' = r + (k - 1)·d·j        j' = j·s        a' = a - p·j

The offset is the input position where the field of the first unit starts; negative inside the
padding. Where branches meet, the field is the smallest span that holds all of theirs.

Source: Le and Borji, arXiv:1705.07049, section 2; Araujo, Norris and Sim, "Computing Receptive
Fields of Convolutional Neural Networks", Distill 2019, equations 1-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.graph import Graph, Node, Reach, Window


@dataclass(frozen=True, slots=True)
class Span:
    """The field along one axis, for all `count` units of a layer.

    Args:
        size: input positions one unit sees.
        stride: input positions from one unit's field to the next.
        offset: where the first unit's field starts.
        count: units along the axis.
    """

    size: int
    stride: int
    offset: int
    count: int

    def of(self, unit: int) -> range:
        """The input positions that `unit` sees, padding included."""
        start = self.offset + unit * self.stride
        return range(start, start + self.size)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The field of a node's units: one `Span` a spatial axis, or the reason why there is none."""

    spans: tuple[Span, ...]
    unknown: str = ""

    def to_json(self) -> dict[str, object]:
        """Lists of sizes, strides and offsets, one number an axis."""
        return {
            "size": [span.size for span in self.spans],
            "stride": [span.stride for span in self.spans],
            "offset": [span.offset for span in self.spans],
        }


def receptive_fields(graph: Graph) -> dict[str, ReceptiveField]:
    """The receptive field of every node, by name."""
    fields: dict[str, ReceptiveField] = {}
    for node in graph:
        before = [fields[name] for name in node.inputs]
        if not before:
            counts = graph.specs[node.name].spatial
            fields[node.name] = ReceptiveField(tuple(Span(1, 1, 0, n) for n in counts))
            continue
        merged = _merged(before)
        fields[node.name] = merged if merged.unknown else _seen_through(graph, node, merged)
    return fields


def _seen_through(graph: Graph, node: Node, before: ReceptiveField) -> ReceptiveField:
    seen = node.operator.field(*graph.input_specs(node))
    if seen is Reach.POINT:
        return before
    if seen is Reach.EVERYTHING:
        return ReceptiveField(tuple(_everything(span) for span in before.spans))
    if isinstance(seen, Reach):
        return ReceptiveField((), f"{node.name} has {seen.value}")
    return ReceptiveField(
        tuple(_through(span, window) for span, window in zip(before.spans, seen, strict=True))
    )


def _through(span: Span, window: Window) -> Span:
    return Span(
        size=span.size + (window.extent - 1) * span.stride,
        stride=span.stride * window.stride,
        offset=span.offset - window.before * span.stride,
        count=window.outputs(span.count),
    )


def _everything(span: Span) -> Span:
    return Span(span.size + (span.count - 1) * span.stride, span.stride, span.offset, 1)


def _merged(fields: Sequence[ReceptiveField]) -> ReceptiveField:
    unknown = next((field.unknown for field in fields if field.unknown), "")
    if unknown:
        return ReceptiveField((), unknown)
    if len({len(field.spans) for field in fields}) > 1:
        return ReceptiveField((), "its inputs have different numbers of axes")
    spans = [_hull(axis) for axis in zip(*(field.spans for field in fields), strict=True)]
    if None in spans:
        return ReceptiveField((), "its branches step through the input at different strides")
    return ReceptiveField(tuple(span for span in spans if span is not None))


def _hull(spans: Sequence[Span]) -> Span | None:
    """The smallest span around all; counts differ where one value is spread over a map."""
    count = max(span.count for span in spans)
    moving = [span for span in spans if span.count == count]
    if len({span.stride for span in moving}) > 1 and count > 1:
        return None
    start = min(span.offset for span in spans)
    end = max(span.offset + span.size for span in spans)
    return Span(end - start, moving[0].stride, start, count)
