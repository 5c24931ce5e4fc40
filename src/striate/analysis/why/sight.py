"""What one unit sees: its part of the input, and how much of its window is padding."""

from __future__ import annotations

from math import prod

from striate.analysis.receptive_field import receptive_fields
from striate.analysis.why.explanation import Seen
from striate.graph import Graph, Reach
from striate.reference import Number, Trace


def seen(graph: Graph, trace: Trace, number: Number) -> tuple[Seen, ...]:
    """The positions of the input that a value can depend on; empty where that is not known."""
    field = receptive_fields(graph)[number.node]
    place = _position(graph, trace, number)
    if field.unknown or len(graph.inputs) != 1 or place is None:
        return ()
    source = graph.specs[graph.inputs[0].name]
    if len(field.spans) != len(source.spatial):
        return ()
    found = []
    for k, (span, size) in enumerate(zip(field.spans, source.spatial, strict=True)):
        reach = span.of(place[k] if span.count > 1 else 0)
        found.append(Seen(source.axes[k + 1], max(reach.start, 0), min(reach.stop, size) - 1))
    return tuple(found)


def _position(graph: Graph, trace: Trace, number: Number) -> tuple[int, ...] | None:
    """Where a unit stands on its map; a flattened unit stands where it came from."""
    node, index = graph[number.node], number.index
    rank = len(graph.specs[graph.inputs[0].name].spatial)
    while len(graph.specs[node.name].spatial) != rank:
        if node.operator.field(*graph.input_specs(node)) is not Reach.POINT or not node.inputs:
            return (0,) * rank
        (first, *_) = node.operator.terms(trace.calls[node.name], (0, *index))
        refs = (ref for factor in first.factors for ref in factor.refs)
        source, place = next(
            ((ref.source, ref.index) for ref in refs if isinstance(ref.source, int)), (-1, ())
        )
        if source < 0:
            return None
        node, index = graph[node.inputs[source]], place[1:]
    return index[1:]


def padding_note(graph: Graph, number: Number) -> tuple[str, ...]:
    """How many taps of the unit's window lie outside its input, when any do."""
    node = graph[number.node]
    field = node.operator.field(*graph.input_specs(node))
    if isinstance(field, Reach):
        return ()
    spatial = graph.input_specs(node)[0].spatial
    inside = prod(
        sum(1 for _ in window.taps(place, size))
        for window, place, size in zip(field, number.index[1:], spatial, strict=True)
    )
    total = prod(window.kernel for window in field)
    if inside == total:
        return ()
    return (f"{total - inside} of the window's {total} taps lie on the padding and are left out",)
