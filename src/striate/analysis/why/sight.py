"""What one unit sees: its part of the input, and how much of its window is padding."""

from __future__ import annotations

from math import prod

from striate.analysis.receptive_field import receptive_fields
from striate.analysis.why.explanation import Seen
from striate.graph import Graph, Index, Node
from striate.reference import Number, Trace


def seen(graph: Graph, trace: Trace, number: Number) -> tuple[Seen, ...]:
    """The positions of the input that a value can depend on; empty where that is not known."""
    if number.inner:
        return ()
    fields = receptive_fields(graph)
    node, index = graph[number.node], number.index
    while not all(span.even for span in fields[node.name].spans):
        before = _source(trace, node, index)
        if before is None:
            return ()
        name, index = before
        node = graph[name]
    field = fields[node.name]
    if field.unknown or len(graph.inputs) != 1:
        return ()
    source = graph.specs[graph.inputs[0].name]
    found = []
    for axis, span in zip(source.positions, field.spans, strict=False):
        reach = span.of(0 if span.axis is None else index[span.axis])
        last = min(reach.stop, source.shape[axis]) - 1
        found.append(Seen(source.axes[axis], max(reach.start, 0), last))
    return tuple(found)


def _source(trace: Trace, node: Node, index: Index) -> tuple[str, Index] | None:
    """The number before, where a value is made of one alone, and which node's it is."""
    (first, *_) = node.operator.terms(trace.calls[node.name], (0, *index)) or (None,)
    refs = [ref for factor in first.factors for ref in factor.refs] if first else []
    inputs = [ref for ref in refs if isinstance(ref.source, int) and ref.source >= 0]
    if not inputs:
        return None
    return node.inputs[int(inputs[0].source)], inputs[0].index[1:]


def foreign_note(graph: Graph, number: Number) -> tuple[str, ...]:
    """Whose numbers are taken as given: those of others, or ours, of what PyTorch does not show."""
    if number.inner:
        name = f"{number.node}.{number.inner}"
        return (f"PyTorch does not show {name}: stored is our formulas on its numbers, in float32",)
    if not number.gradient:
        nodes = [number.node]
    elif number.weight:
        nodes = list(graph.users(number.node, number.weight))
    else:
        nodes = list(graph.consumers[number.node])
    what = "derivatives are" if number.gradient else "value is"
    return tuple(
        f"others compute {name}: its {what} taken as given; it reads {', '.join(node.inputs)}"
        for name, node in ((name, graph[name]) for name in nodes)
        if node.operator.is_foreign
    )


def padding_note(graph: Graph, number: Number) -> tuple[str, ...]:
    """How many taps of the unit's window lie outside its input, when any do."""
    node = graph[number.node]
    if number.inner:
        return ()
    field = node.operator.field(*graph.input_specs(node))
    if not isinstance(field, tuple):
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
