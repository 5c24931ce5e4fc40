"""The architecture of a network as a figure: boxes with operators, shapes and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from striate.analysis.table import table
from striate.drawing import style as styles
from striate.drawing.blocks import chains
from striate.drawing.layout import LEADING, PAD, SMALL, FigureLayout, PlacedBox, place, size_of
from striate.drawing.style import LIGHT, Style
from striate.lookup import NetworkLike, graph_of, name_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 16.0
TITLE = 30.0
"""Points above the boxes, for what the figure shows."""

LEGEND = 24.0
NARROWEST = 380.0
"""Points that the title and the legend take."""

KINDS = {
    "input": "input",
    "convolution": "with weights",
    "pooling": "pooling",
    "normalization": "normalization",
    "activation": "activation",
    "merging": "branches together",
    "reducing": "over an axis",
    "recurrent": "step by step",
    "sequence": "of a sequence",
    "shaping": "shape only",
    "output": "output",
    "loss": "loss",
    "foreign": "computed by others",
}
"""What the legend says of each family."""


def network(subject: NetworkLike, *, is_open: bool | None = None, style: Style = LIGHT) -> Figure:
    """The architecture of a network: every layer in a box, with the shape and count of it.

    Equal blocks in a row are drawn once, in a frame that says how many they are.

    Args:
        subject: a graph or a model; or a text, a name of the catalog, a .net file, a model file or
            a run folder.
        is_open: True draws every branch, False puts branches as lines into one box; None decides
            by how many boxes there would be.

    Raises:
        UnknownNameError, NotationError, ModelFileError: it stands for no network.
    """
    graph = graph_of(subject)
    layout = place(chains(graph, is_open=is_open))
    named = f"{name_of(subject)}: " if isinstance(subject, str) else ""
    title = named + table(graph).headline
    width = max(layout.width, NARROWEST) + 2 * MARGIN
    height = layout.height + TITLE + LEGEND + 2 * MARGIN
    figure = styles.new(width, height, style)
    axes = styles.page(figure, width, height)
    axes.text(MARGIN, MARGIN + 8, title, fontsize=10, color=style.ink, va="center", weight="bold")
    shift = (width - layout.width) / 2, MARGIN + TITLE
    _draw(axes, layout, shift, style)
    _legend(axes, layout, height - MARGIN, style)
    return figure


def _draw(axes: Axes, layout: FigureLayout, shift: tuple[float, float], style: Style) -> None:
    from matplotlib.patches import FancyBboxPatch

    right, down = shift
    for points, arrow in layout.ways:
        xs, ys = zip(*points, strict=True)
        axes.plot(
            [x + right for x in xs], [y + down for y in ys], color=style.quiet, lw=0.9, zorder=1
        )
        if arrow:
            axes.plot(
                xs[-1] + right,
                ys[-1] + down - 2,
                marker="v",
                ms=4,
                color=style.quiet,
                lw=0,
                zorder=2,
            )
    for each in layout.frames:
        _frame(axes, each, shift, style)
    for each in layout.boxes:
        fill = style.families[each.box.family] if each.box else style.paper
        rounded = f"round,pad=0,rounding_size={PAD / 2}"
        axes.add_patch(
            FancyBboxPatch(
                (each.left + right, each.top + down),
                each.width,
                each.height,
                boxstyle=rounded,
                facecolor=fill,
                edgecolor=style.quiet,
                lw=0.7,
                zorder=3,
            )
        )
        _words(axes, each, shift, style)


def _words(axes: Axes, each: PlacedBox, shift: tuple[float, float], style: Style) -> None:
    """The lines of a box, under each other from its left top corner."""
    right, down = shift
    top = each.top + down + PAD
    for words in each.words:
        high = LEADING * size_of(words)
        axes.text(
            each.left + right + PAD,
            top + high / 2,
            words.text,
            fontsize=size_of(words),
            family=styles.MONO,
            color=style.quiet if words.style == "name" else style.ink,
            va="center_baseline",
            zorder=4,
            parse_math=False,
        )
        top += high


def _frame(axes: Axes, each: PlacedBox, shift: tuple[float, float], style: Style) -> None:
    from matplotlib.patches import Rectangle

    right, down = shift
    place_ = each.left + right, each.top + down
    axes.add_patch(
        Rectangle(
            place_,
            each.width,
            each.height,
            fill=False,
            edgecolor=style.quiet,
            lw=0.9,
            ls=(0, (3, 2)),
        )
    )
    (often,) = each.words
    axes.text(
        place_[0] + each.width - 3,
        place_[1] + 6,
        often.text,
        fontsize=9,
        weight="bold",
        family=styles.MONO,
        color=style.ink,
        ha="right",
        va="center",
        zorder=4,
    )


def _legend(axes: Axes, layout: FigureLayout, bottom: float, style: Style) -> None:
    """A patch and a word for each family that stands in the figure."""
    from matplotlib.patches import Rectangle

    there = {each.box.family for each in layout.boxes if each.box}
    left = MARGIN
    for family, said in KINDS.items():
        if family not in there:
            continue
        axes.add_patch(
            Rectangle(
                (left, bottom - 8),
                8,
                8,
                facecolor=style.families[family],
                edgecolor=style.quiet,
                lw=0.7,
            )
        )
        axes.text(
            left + 12,
            bottom - 4,
            said,
            fontsize=SMALL,
            family=styles.MONO,
            color=style.quiet,
            va="center",
        )
        left += 12 + len(said) * SMALL * 0.6021 + 10
