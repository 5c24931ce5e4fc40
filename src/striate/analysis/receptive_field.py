"""How much of the input one unit sees: size, stride and offset, through branches too.

Along one axis a layer with window k, dilation d, stride s and padding p maps the field of the
layer before it (size r, stride j, offset a) to

    r' = r + (k - 1)·d·j        j' = j·s        a' = a - p·j

The offset is the input position where the field of the first unit starts; negative inside the
padding. Where branches meet, the field is the smallest span that holds all of theirs.

A span belongs to an axis of the input, and runs along an axis of the value: after PERMUTE another
one, after FLATTEN one on which the positions do not follow each other as they did. What sums over
an axis sees all of it.

Source: Le and Borji, arXiv:1705.07049, section 2; Araujo, Norris and Sim, "Computing Receptive
Fields of Convolutional Neural Networks", Distill 2019, equations 1-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from striate.graph import Along, Field, Graph, Node, Reach, Routes, Spec, Window


@dataclass(frozen=True, slots=True)
class Span:
    """The field along one axis of the input, for all `count` units of a layer.

    Args:
        size: input positions one unit sees.
        stride: input positions from one unit's field to the next.
        offset: where the first unit's field starts.
        count: units along the axis.
        axis: the axis of the value that it runs along; None where every unit has the same field.
        even: whether the units on that axis follow each other as the fields do.
    """

    size: int
    stride: int
    offset: int
    count: int
    axis: int | None = None
    even: bool = True

    def of(self, unit: int) -> range:
        """The input positions that `unit` sees, padding included."""
        start = self.offset + unit * self.stride
        return range(start, start + self.size)

    @property
    def whole(self) -> Span:
        """The field of a unit that sees all of these units."""
        return Span(self.size + (self.count - 1) * self.stride, self.stride, self.offset, 1)


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """The field of a node's units: a `Span` per spatial axis of the input, or why there is none."""

    spans: tuple[Span, ...]
    unknown: str = ""

    def to_json(self) -> dict[str, object]:
        """Lists of sizes, strides and offsets, one number per axis."""
        return {
            "size": [span.size for span in self.spans],
            "stride": [span.stride for span in self.spans],
            "offset": [span.offset for span in self.spans],
        }


def receptive_fields(graph: Graph) -> dict[str, ReceptiveField]:
    """The receptive field of every node, by name."""
    found: dict[str, ReceptiveField] = {}
    for node in graph:
        if node.operator.is_input:
            spec = graph.specs[node.name]
            spans = (Span(1, 1, 0, spec.shape[axis], axis) for axis in spec.positions)
            found[node.name] = ReceptiveField(tuple(spans))
            continue
        specs = graph.input_specs(node)
        fields = node.operator.fields(*specs)
        seen = [
            _seen_through(node, found[name], field, spec)
            for name, field, spec in zip(node.inputs, fields, specs, strict=True)
            if not _sees_nothing(graph, found[name])
        ]
        found[node.name] = _together(graph, seen) if seen else ReceptiveField(())
    return found


def _sees_nothing(graph: Graph, field: ReceptiveField) -> bool:
    """Whether a value is the same for every picture, though pictures have axes."""
    return (
        not field.spans
        and not field.unknown
        and any(graph.specs[n.name].positions for n in graph.inputs)
    )


def _together(graph: Graph, fields: Sequence[ReceptiveField]) -> ReceptiveField:
    """The field of what reads several; one that is unknown adds nothing to the whole picture."""
    merged = _merged(fields)
    whole = [field for field in fields if merged.unknown and _sees_everything(graph, field)]
    return _merged(whole) if whole else merged


def _sees_everything(graph: Graph, field: ReceptiveField) -> bool:
    if len(graph.inputs) > 1 or not field.spans:
        return False
    spec = graph.specs[graph.inputs[0].name]
    sizes = (spec.shape[axis] for axis in spec.positions)
    pairs = zip(field.spans, sizes, strict=True)
    return all(s.count == 1 and s.offset <= 0 and n <= s.offset + s.size for s, n in pairs)


def _seen_through(node: Node, before: ReceptiveField, field: Field, spec: Spec) -> ReceptiveField:
    if before.unknown or field is Reach.POINT:
        return before
    if field is Reach.EVERYTHING:
        return ReceptiveField(tuple(span.whole for span in before.spans))
    if isinstance(field, Reach):
        return ReceptiveField((), f"{node.name} has {field.value}")
    goes = _routes(field, spec)
    spans = [_through(span, goes) for span in before.spans]
    if None in spans:
        return ReceptiveField((), f"{node.name} has windows over positions in another order")
    return ReceptiveField(tuple(span for span in spans if span is not None))


def _routes(field: tuple[Window, ...] | Routes, spec: Spec) -> tuple[Along | None, ...]:
    """Where each axis of an input goes; under windows the channels are seen whole."""
    if isinstance(field, Routes):
        return field.goes
    return (None, *(Along(axis, window) for axis, window in enumerate(field, 1)))


def _through(span: Span, goes: Sequence[Along | None]) -> Span | None:
    """The span behind an operator; None where its windows run over no regular positions."""
    if span.axis is None:
        return span if span.even else None
    along = goes[span.axis]
    if along is None:
        return span.whole
    window = along.window
    if not span.even or not along.even:
        count = span.count
        if window.kernel > 1:
            return None
        return Span(span.size, span.stride, span.offset, count, along.axis, even=False)
    return Span(
        size=span.size + (window.extent - 1) * span.stride,
        stride=span.stride * window.stride,
        offset=span.offset - window.before * span.stride,
        count=window.outputs(span.count),
        axis=along.axis,
    )


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
    """The smallest span around all.

    Counts differ where one value is spread over a map: its field is every unit's, and does not
    move. Then the span is that around all units, behind a gate mostly the whole picture.
    """
    count = max(span.count for span in spans)
    moving = [span for span in spans if span.count == count]
    if len({(span.stride, span.axis, span.even) for span in moving}) > 1 and count > 1:
        return None
    around = _around(moving)
    if len(moving) == len(spans):
        return around
    still = (span for span in spans if span.count < count)
    return _around([around.whole, *(span.whole for span in still)])


def _around(spans: Sequence[Span]) -> Span:
    """The smallest span around some that move alike."""
    start = min(span.offset for span in spans)
    end = max(span.offset + span.size for span in spans)
    return replace(spans[0], size=end - start, offset=start)
