"""A computation graph as a figure: every node with its value and its gradient."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.analysis.expression import expression
from striate.analysis.subject import Subject
from striate.drawing import style as styles
from striate.drawing.blocks import family_of, last_nodes
from striate.drawing.layered import LayeredPlaces, layered
from striate.drawing.layout import LEADING, LETTER, PAD, SIZE, SMALL
from striate.drawing.panels import MARGIN
from striate.drawing.style import LIGHT, Style
from striate.drawing.values import MOST_LAYERS, errors_of, layer_of, values_of
from striate.graph import Graph, Node
from striate.notation import operator_text
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEAD = 58.0
"""Points above the boxes."""

WIDEST = 44
NEAR = 24
"""Nodes that are drawn of what one node is computed from, the nearest."""


def graph(
    subject: Subject,
    picture: object,
    node: str = "",
    *,
    target: object = None,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
    style: Style = LIGHT,
) -> Figure:
    """The nodes of a network or an expression with their values, and the gradients by them.

    Args:
        subject, picture: as `striate.why` takes them, with the arguments after `target`; or for
            an expression the number of each input by its name, {"x": 5, "y": 3}. Then the
            gradients are those of the last node, else those of the loss.
        node: draw what this one is computed from; without it all of a small network, and of a
            large one what its blocks end in.
        target: the right class; None for that of a test picture, else for the predicted one.

    Raises:
        UnknownNameError: there is no such node.
        ExplanationError: the network has no loss, or the numbers are not those of its inputs.
    """
    if isinstance(picture, Mapping):
        found = expression(subject, picture, seed)  # type: ignore[arg-type]  # it says so
        last = found.graph.nodes[-1].name
        at = ", ".join(f"{name} = {_number(np.asarray(x))}" for name, x in picture.items())
        title = f"values at {at}, and gradients of {last}"
        notes: tuple[str, ...] = (found.note,) if found.note else ()
        shown = _NumberedGraph(found.graph, found.values, found.gradients)
    else:
        taken = values_of(subject, picture, seed=seed, weights=weights, data_dir=data_dir, ink=ink)
        errors = errors_of(taken, target)
        title = f"values, and gradients of the loss for the target {errors.target}"
        loss = {taken.network.aliases["loss"]: np.array(errors.loss)}
        ones = {name: np.ones(()) for name in loss}
        shown = _NumberedGraph(
            taken.network.graph, {**taken.values, **loss}, {**errors.values, **ones}
        )
        notes = taken.notes
    return _drawn(title, notes, shown, _chosen(shown.graph, node), style)


@dataclass(frozen=True)
class _NumberedGraph:
    """A graph with what stands in its boxes."""

    graph: Graph
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]


def _chosen(graph: Graph, node: str) -> tuple[Node, ...]:
    """The nodes that are drawn, in calculating order."""
    if node:
        behind = graph.ancestors([layer_of(graph, node).name])
        return tuple(each for each in graph if each.name in behind)[-NEAR:]
    if len(graph) <= MOST_LAYERS:
        return graph.nodes
    ends = set(last_nodes(graph))
    return tuple(each for each in graph if each.name in ends)


def _drawn(
    title: str, notes: Sequence[str], shown: _NumberedGraph, nodes: Sequence[Node], style: Style
) -> Figure:
    lines = {node.name: _lines(shown, node) for node in nodes}
    sizes = {name: _size(each) for name, each in lines.items()}
    places = layered(_reads(shown.graph, nodes), sizes)
    said = "; ".join((_scope(shown.graph, nodes), *notes))
    width = max(places.width, len(title) * 6.6, len(said) * 4.4, 300.0) + 2 * MARGIN
    height = HEAD + places.height + MARGIN
    figure = styles.new(width, height, style)
    axes = styles.page(figure, width, height)
    words: dict[str, Any] = {"va": "center", "parse_math": False}
    axes.text(MARGIN, MARGIN + 4, title, fontsize=10, weight="bold", color=style.ink, **words)
    axes.text(MARGIN, MARGIN + 20, said, fontsize=7, color=style.quiet, **words)
    shift = (width - places.width) / 2
    _ways(axes, places, shift, style)
    for node in nodes:
        _box(axes, node, lines[node.name], places.boxes[node.name], shift, style)
    return figure


def _scope(graph: Graph, nodes: Sequence[Node]) -> str:
    some = f"{len(nodes)} of {len(graph)} nodes; " if len(nodes) < len(graph) else ""
    return f"{some}of several numbers: lowest … highest, and in bars the size √Σ²"


def _reads(graph: Graph, nodes: Sequence[Node]) -> dict[str, list[str]]:
    """What each drawn node reads, through the nodes that are not drawn."""
    drawn = {node.name for node in nodes}
    found: dict[str, list[str]] = {}
    for node in graph:  # of what is not drawn, the drawn nodes that lead to it
        sources = [
            each for name in node.inputs for each in ([name] if name in drawn else found[name])
        ]
        found[node.name] = list(dict.fromkeys(sources))
    return {node.name: found[node.name] for node in nodes}


def _lines(shown: _NumberedGraph, node: Node) -> list[tuple[str, str]]:
    """What a box says: the name, the operator, value and gradient, each with its style."""
    graph, name = shown.graph, node.name
    axes = len(graph.specs[node.inputs[0]].spatial) if node.inputs else 1
    text = operator_text(node.operator, axes=axes, shares=node.shares)
    first = name if graph.specs[name].size == 1 else f"{name}  {graph.specs[name]}"
    found = [(first, "name"), *((each, "layer") for each in textwrap.wrap(text, WIDEST))]
    for what, numbers in (("value", shown.values), ("gradient", shown.gradients)):
        if name in numbers:
            found.append((f"{what} {_number(numbers[name])}", what))
    return found


def _number(array: Array) -> str:
    """One number, or of several the lowest, the highest and the size."""
    if array.size == 1:
        return f"{array.item():.6g}"
    return f"{array.min():.3g} … {array.max():.3g} |{np.linalg.norm(array):.3g}|"


def _size(lines: Sequence[tuple[str, str]]) -> tuple[float, float]:
    wide = max(styles.letters(text) * LETTER * _letter(kind) for text, kind in lines)
    return wide + 2 * PAD, sum(LEADING * _letter(kind) for _, kind in lines) + 2 * PAD


def _letter(kind: str) -> float:
    return SMALL if kind == "name" else SIZE


def _ways(axes: Axes, places: LayeredPlaces, shift: float, style: Style) -> None:
    for way in places.ways.values():
        xs, ys = [x + shift for x, _ in way], [y + HEAD for _, y in way]
        axes.plot(xs, ys, color=style.quiet, lw=0.9, zorder=1)
        axes.annotate(
            "",
            (xs[-1], ys[-1]),
            (xs[-1] - 0.3 * (xs[-1] - xs[-2]), ys[-1] - 0.3 * (ys[-1] - ys[-2])),
            arrowprops={"arrowstyle": "-|>", "color": style.quiet, "lw": 0.9, "shrinkB": 0},
            zorder=2,
        )


def _box(
    axes: Axes,
    node: Node,
    lines: Sequence[tuple[str, str]],
    place: tuple[float, float, float, float],
    shift: float,
    style: Style,
) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, top, width, height = place[0] + shift, place[1] + HEAD, *place[2:]
    box = FancyBboxPatch(
        (left, top),
        width,
        height,
        boxstyle=f"round,pad=0,rounding_size={PAD / 2}",
        facecolor=style.families[family_of(node)],
        edgecolor=style.quiet,
        lw=0.7,
        zorder=3,
    )
    box.set_gid(node.name)
    axes.add_patch(box)
    colors = {"name": style.quiet, "layer": style.ink, "value": style.up, "gradient": style.down}
    at = top + PAD
    for text, kind in lines:
        high = LEADING * _letter(kind)
        axes.text(
            left + PAD,
            at + high / 2,
            text,
            fontsize=_letter(kind),
            family=styles.named(),
            color=colors[kind],
            va="center_baseline",
            zorder=4,
            parse_math=False,
        )
        at += high
