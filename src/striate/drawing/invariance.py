"""A moved picture, and how far the values of each layer go with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from striate.analysis.invariance import UNITS, Invariance
from striate.drawing import style as styles
from striate.drawing.learned import dressed
from striate.drawing.panels import MARGIN, SIZE, image
from striate.drawing.style import LIGHT, Style
from striate.drawing.values import layers_of
from striate.graph import Graph
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 9
"""Layers that are drawn, evenly through the network."""

TILE = 76.0
ACROSS, LEFT, PLOT = 210.0, 50.0, 158.0
"""Points from one move to the next, to the first, and of its axes."""

KEYS = 130.0
"""Points for the names of the layers."""

HIGH, HEAD = 190.0, 26.0
"""Points of a network's axes with what stands under them, and of the line above."""

LETTERS = 20


def invariance(*answers: Invariance, style: Style = LIGHT) -> Figure:
    """The furthest of each move as a picture, and the change of the layers by the amount.

    Args:
        answers: what `striate.invariance` answers, of one picture: a row for each network.
    """
    width = LEFT + 4 * ACROSS + KEYS
    top = 3 * MARGIN + TILE + 26
    height = top + len(answers) * (HIGH + HEAD) + MARGIN
    figure = styles.new(width, height, style)
    page = styles.page(figure, width, height)
    note = "Change: the distance of a layer's value from that of the picture, by the size of that."
    words: dict[str, Any] = {"va": "center", "color": style.ink}
    page.text(MARGIN, MARGIN + 4, "moved pictures", fontsize=10, weight="bold", **words)
    quiet: dict[str, Any] = {"fontsize": SIZE - 1, "va": "center", "color": style.quiet}
    page.text(MARGIN, MARGIN + 20, f"{note} Dashed: layers that pool.", **quiet)
    for k, (kind, moved) in enumerate(answers[0].moves.items()):
        left = LEFT + k * ACROSS
        shown = (answers[0].picture.exact[0], moved[-1].pixels)
        for j, (pixels, said) in enumerate(
            zip(shown, ("0", f"{moved[-1].amount:.3g}"), strict=True)
        ):
            said = f"{moved[0].amount:.3g}" if j == 0 else said
            at = left + j * (TILE + 6), 3 * MARGIN
            _tile(page, pixels, at, f"{kind} {said}", style)
            page.text(at[0] + TILE / 2, at[1] + TILE + 9, said, ha="center", **quiet)
    for row, answer in enumerate(answers):
        begin = top + row * (HIGH + HEAD)
        said = styles.short(_said(answer), 150)
        page.text(MARGIN, begin + HEAD / 2, said, fontsize=SIZE, family=styles.named(), **words)
        _row(figure, page, answer, begin + HEAD, style)
    return figure


def _said(answer: Invariance) -> str:
    said = f"{answer.graph.headline}; above each move the probability of {answer.target}"
    return "; ".join((f"{said} before and at the end", *answer.notes))


def _tile(page: Axes, pixels: Array, at: tuple[float, float], name: str, style: Style) -> None:
    """The network's input as a picture of its own range."""
    low, reach = float(pixels.min()), float(np.ptp(pixels)) or 1.0
    shown = (pixels - low) / reach
    cells = shown.transpose(1, 2, 0) if len(shown) == 3 else shown.mean(axis=0)
    scale = TILE / max(cells.shape[:2])
    place = *at, cells.shape[1] * scale, cells.shape[0] * scale
    image(page, cells, place, 1.0, style, name, colors="gray", lowest=0.0)


def _row(figure: Figure, page: Axes, answer: Invariance, top: float, style: Style) -> None:
    """The axes of one network, a line for each layer, and the names of these."""
    width, height = figure.get_size_inches() * 72
    names = _layers(answer.graph)
    looks = [_look(answer.graph, name, k / max(1, len(names) - 1)) for k, name in enumerate(names)]
    most = max(m.changes[n] for each in answer.moves.values() for m in each for n in names)
    for k, (kind, moved) in enumerate(answer.moves.items()):
        foot = 1 - (top + HIGH - 44) / height
        place = (LEFT + k * ACROSS) / width, foot, PLOT / width, (HIGH - 62) / height
        axes = figure.add_axes(place, facecolor=style.paper)
        for name, look in zip(names, looks, strict=True):
            at = [each.amount for each in moved]
            axes.plot(at, [m.changes[name] for m in moved], gid=f"{kind} {name}", lw=1.4, **look)
        axes.set_ylim(0, most * 1.05 or 1.0)
        before, after = moved[0].probability, moved[-1].probability
        axes.set_title(
            f"{kind}: {before:.1%}, {after:.1%}", fontsize=9, loc="left", color=style.ink
        )
        dressed(axes, UNITS[kind], style)
    for k, (name, look) in enumerate(zip(names, looks, strict=True)):
        left, middle = LEFT + 4 * ACROSS - 30, top + 22 + 14 * k
        page.plot([left, left + 20], [middle, middle], lw=1.4, **look)
        page.text(
            left + 26,
            middle,
            styles.short(name, LETTERS),
            fontsize=SIZE - 1,
            family=styles.named(),
            va="center",
            color=style.ink,
            parse_math=False,
        )


def _layers(graph: Graph) -> list[str]:
    """The input, the scores, and layers between them that compute what no activation then bends."""
    behind = graph.descendants([graph.inputs[0].name])
    names = [
        node.name
        for node in layers_of(graph)
        if node.name in behind
        and not (node.operator.passes_on or node.operator.only_moves)
        and not [1 for each in graph.consumers[node.name] if graph[each].operator.bends]
    ]
    last = graph.nodes[-1].name
    names = names if last in names else [*names, last]
    places = np.linspace(0, len(names) - 1, min(MOST_LINES, len(names))).round().astype(int)
    return [names[k] for k in places]


def _look(graph: Graph, name: str, depth: float) -> dict[str, Any]:
    """A color by depth, of matplotlib's viridis, which every color vision tells apart."""
    from matplotlib import colormaps

    family = type(graph[name].operator).__module__.split(".")[2]
    return {"color": colormaps["viridis"](0.92 * depth), "ls": "--" if family == "pooling" else "-"}
