"""Checks of what is written: the network and its recipe, before a number is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, e, inf, prod

from striate.diagnosis.evidence import Evidence
from striate.diagnosis.verdict import Finding
from striate.graph import Graph, Node, Reach, Routes, Window
from striate.ops import BatchNorm, CrossEntropy

TINY_BATCH = 4
"""Pictures in a batch up to which batch normalization errs: Wu and He, arXiv:1803.08494, fig. 1."""


def softmax_twice(evidence: Evidence) -> Iterator[Finding]:
    """Shares of classes that go through another softmax, of a layer or of the loss."""
    graph = evidence.graph
    for node in graph:
        if not _takes_scores(graph, node):
            continue
        before = _source(graph, graph[node.inputs[0]])
        if graph.gives_shares(before.name):
            most = e / (e + evidence.classes - 1)
            said = (
                f"{before.name} gives shares that sum to 1, and {node.name} takes scores: so the "
                f"largest of {evidence.classes} probabilities stays below {most:.2f}"
            )
            yield Finding(before.name, said, evidence.without(before.name))


def _takes_scores(graph: Graph, node: Node) -> bool:
    if not node.inputs:
        return False
    return isinstance(node.operator, CrossEntropy) or graph.gives_shares(node.name)


def _source(graph: Graph, node: Node) -> Node:
    """The node whose numbers `node` hands on unchanged."""
    while len(node.inputs) == 1 and (node.operator.passes_on or node.operator.only_moves):
        node = graph[node.inputs[0]]
    return node


def tiny_batches(evidence: Evidence) -> Iterator[Finding]:
    """Batch normalization whose statistics are of a few pictures."""
    batch = evidence.recipe.batch_size
    norms = [node for node in evidence.graph if isinstance(node.operator, BatchNorm)]
    if batch > TINY_BATCH or not norms:
        return
    fewest = min(norms, key=lambda node: _positions(evidence.graph, node))
    numbers = batch * _positions(evidence.graph, fewest)
    said = f"{len(norms)} batch normalizations with {batch} pictures a step"
    yield Finding(
        fewest.name,
        f"{said}: {numbers:,} numbers decide a mean and a deviation at {fewest.name}",
        evidence.train(batch_size=32),
    )


def _positions(graph: Graph, node: Node) -> int:
    return prod(graph.specs[node.name].spatial)


def outgrown(evidence: Evidence) -> Iterator[Finding]:
    """Convolutions with windows whose input already sees more than the whole picture.

    Of several branches the one that sees least counts: a shortcut hands on what is still local.
    Source: Richter, Byttner, Krumnack, Wiedenroth, Schallner and Shenk, "(Input) Size Matters for
    CNN Classifiers", ICANN 2021: such layers do not add to the accuracy.
    """
    graph = evidence.graph
    if len(graph.inputs) != 1:
        return
    picture = graph.specs[graph.inputs[0].name].spatial
    fields = smallest_fields(graph)
    late = [
        node
        for node in graph
        if _slides(graph, node)
        and all(inf > f > n for f, n in zip(fields[node.inputs[0]][0], picture, strict=True))
    ]
    if late:
        first = late[0]
        sees = "x".join(f"{size:g}" for size in fields[first.inputs[0]][0])
        has = "x".join(map(str, picture))
        more = f", as {len(late) - 1} layers behind it" if len(late) > 1 else ""
        said = f"its input sees {sees} pixels of pictures of {has} before its own window{more}"
        yield Finding(first.name, said, _enlarged(evidence, fields[first.inputs[0]][0]))


def _enlarged(evidence: Evidence, field: tuple[float, ...]) -> str:
    """A command that trains on pictures as large as the field."""
    shape = evidence.graph.specs[evidence.graph.inputs[0].name].shape
    factor = max(ceil(f / n) for f, n in zip(field, shape[1:], strict=True) if f < inf)
    larger = "x".join(map(str, (shape[0], *(n * factor for n in shape[1:]))))
    return evidence.rewritten((r"^INPUT \d+(x\d+)*", f"INPUT {larger}"))


def _slides(graph: Graph, node: Node) -> bool:
    """Whether it is a layer with weights and a window of more than one position."""
    windows = node.operator.field(*graph.input_specs(node)) if node.inputs else ()
    is_wide = isinstance(windows, tuple) and any(window.kernel > 1 for window in windows)
    return is_wide and bool(graph.weights(node))


SmallestField = tuple[tuple[float, ...], tuple[float, ...]]
"""Positions that a unit sees, and from one unit to the next, a number per axis."""


def smallest_fields(graph: Graph) -> dict[str, SmallestField]:
    """The receptive field of each node along the branch that sees least."""
    axes = len(graph.specs[graph.inputs[0].name].spatial)
    found: dict[str, SmallestField] = {}
    for node in graph:
        if not node.inputs:
            seen = 1.0 if node.operator.is_input else inf  # a constant is no shortcut
            found[node.name] = ((seen,) * axes, (1.0,) * axes)
            continue
        fields = node.operator.fields(*graph.input_specs(node))
        ways = [_through(found[n], field) for n, field in zip(node.inputs, fields, strict=True)]
        found[node.name] = min(ways, key=lambda way: sum(way[0]))
    return found


def _through(before: SmallestField, field: tuple[Window, ...] | Routes | Reach) -> SmallestField:
    sizes, strides = before
    if field is Reach.POINT:
        return before
    windows = _windows(field, len(sizes))
    if windows is None:
        return (inf,) * len(sizes), strides
    return (
        tuple(r + (w.extent - 1) * j for r, j, w in zip(sizes, strides, windows, strict=True)),
        tuple(j * w.stride for j, w in zip(strides, windows, strict=True)),
    )


def _windows(field: tuple[Window, ...] | Routes | Reach, axes: int) -> Sequence[Window] | None:
    """The window along each spatial axis; None where an axis does not stay in its place."""
    if isinstance(field, Reach):
        return None
    if isinstance(field, Routes):
        goes = field.goes[1:]
        kept = [along.window for k, along in enumerate(goes, 1) if along and along.axis == k]
        return kept if len(kept) == axes else None
    return field if len(field) == axes else None
