"""Arrays as rows of small pictures under a line of text, each row of one scale around zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.drawing import style as styles
from striate.drawing.layout import LETTER
from striate.drawing.style import Style
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 760.0
"""Points from the left edge of a panel to the right one."""

MARGIN = 18.0
GAP = 4.0
HEAD = 28.0
"""Points of a panel's line of text."""

SIZE = 8.0
SMALLEST, ROOM = 5.0, 23.0
"""Points of a number in a cell, and the width of a cell that has room for `-1.2e-05`."""

BAR = 90.0
"""Points of the bar that states a scale."""

BAR_WORDS = 60.0
"""Points beside the bar for each of its two ends."""


@dataclass(frozen=True)
class Tile:
    """One small picture.

    Args:
        name: what it shows, as it can be asked about; the id of the image in an SVG.
        cells: two axes.
        label: a word under it.
    """

    name: str
    cells: Array
    label: str = ""


@dataclass(frozen=True)
class Panel:
    """Tiles of one scale, under a line of text.

    Args:
        head: the line.
        tiles: alike in shape.
        size: (width, height) of a tile in points.
        columns: tiles in a row.
        is_written: whether the numbers stand in the cells, where they fit.
    """

    head: str
    tiles: tuple[Tile, ...]
    size: tuple[float, float]
    columns: int
    is_written: bool = False

    @cached_property
    def largest(self) -> float:
        """What the scale reaches on both sides of zero."""
        finite = [np.abs(each.cells[np.isfinite(each.cells)]).max(initial=0) for each in self.tiles]
        return float(max(finite)) or 1.0

    @property
    def label_height(self) -> float:
        """Points under each tile for its word."""
        return SIZE * 1.4 if any(each.label for each in self.tiles) else 0.0

    @property
    def height(self) -> float:
        """Points from the top of the line to the foot of the last row."""
        rows = -(-len(self.tiles) // self.columns)
        return HEAD + rows * (self.size[1] + self.label_height + GAP)


def fitted(
    head: str, tiles: Sequence[Tile], *, smallest: float, largest: float, most: int
) -> Panel:
    """A panel whose tiles have about the size that their cells ask for.

    Args:
        smallest, largest: points of a tile's longer side.
        most: tiles that are shown, the first; the head says how many there are.
    """
    rows, columns = tiles[0].cells.shape
    wide = max(rows, columns)
    longer = min(max(wide * 1.6, smallest), largest)
    size = longer * columns / wide, max(longer * rows / wide, 6.0)
    room = max(1, int((WIDTH + GAP) // (size[0] + GAP)))
    shown = tuple(tiles[: most or room])
    more = f"; the first {len(shown)} of {len(tiles)}" if len(shown) < len(tiles) else ""
    return Panel(head + more, shown, size, room)


def drawn(
    title: str,
    notes: Sequence[str],
    panels: Sequence[Panel],
    style: Style,
    below: Sequence[str] = (),
) -> Figure:
    """A figure of panels under each other, between lines of text."""
    top = 2 * MARGIN + 8 + 12 * len(notes)
    foot = 12 * len(below)
    height = top + sum(each.height + GAP for each in panels) + MARGIN + foot
    width = WIDTH + 2 * MARGIN
    figure = styles.new(width, height, style)
    axes = styles.page(figure, width, height)
    axes.text(MARGIN, MARGIN + 4, title, fontsize=10, weight="bold", color=style.ink, va="center")
    for k, note in enumerate(notes):
        at = MARGIN + 20 + 12 * k
        axes.text(
            MARGIN, at, note, fontsize=SIZE - 1, color=style.quiet, va="center", parse_math=False
        )
    for each in panels:
        _panel(axes, each, top, style)
        top += each.height + GAP
    for k, line in enumerate(below):
        at = height - MARGIN - foot + 12 * k + 6
        axes.text(
            MARGIN,
            at,
            line,
            fontsize=SIZE,
            family=styles.MONO,
            color=style.ink,
            va="center",
            parse_math=False,
        )
    return figure


def _panel(axes: Axes, panel: Panel, top: float, style: Style) -> None:
    room = int((WIDTH - BAR - 2 * BAR_WORDS) / (LETTER * SIZE))
    head = panel.head if len(panel.head) <= room else panel.head[: room - 1] + "…"
    axes.text(
        MARGIN,
        top + HEAD / 2 - 2,
        head,
        fontsize=SIZE,
        family=styles.MONO,
        color=style.ink,
        va="center",
        parse_math=False,
    )
    scale_bar(axes, panel.largest, top + HEAD / 2 - 2, style)
    width, height = panel.size
    for k, tile in enumerate(panel.tiles):
        row, column = divmod(k, panel.columns)
        left = MARGIN + column * (width + GAP)
        high = top + HEAD + row * (height + panel.label_height + GAP)
        image(axes, tile.cells, (left, high, width, height), panel.largest, style, tile.name)
        if panel.is_written:
            _numbers(axes, tile.cells, (left, high, width, height), panel.largest, style)
        if tile.label:
            axes.text(
                left + width / 2,
                high + height + SIZE * 0.8,
                tile.label,
                fontsize=SIZE - 1,
                family=styles.named(),
                ha="center",
                va="center",
                color=style.quiet,
                parse_math=False,
            )


def _numbers(
    axes: Axes,
    cells: Array,
    place: tuple[float, float, float, float],
    largest: float,
    style: Style,
) -> None:
    """The number of each cell in it, if cells are wide enough."""
    left, top, width, height = place
    rows, columns = cells.shape
    if width / columns < ROOM or height / rows < 2 * SMALLEST:
        return
    for (row, column), value in np.ndenumerate(cells):
        if np.isfinite(value):
            axes.text(
                left + (column + 0.5) * width / columns,
                top + (row + 0.5) * height / rows,
                f"{value:.2g}",
                fontsize=SMALLEST,
                ha="center",
                va="center",
                color=style.paper if abs(value) > 0.6 * largest else style.ink,
            )


def scale_bar(axes: Axes, largest: float, middle: float, style: Style) -> None:
    """The scale: from its lower end over zero to its upper one, in numbers."""
    left = MARGIN + WIDTH - BAR - BAR_WORDS
    ramp = np.linspace(-largest, largest, 61)[None]
    image(axes, ramp, (left, middle - 4, BAR, 8), largest, style, "scale")
    axes.plot([left + BAR / 2] * 2, [middle - 6, middle + 6], color=style.ink, lw=0.8)
    for at, word, side in (
        (left - 4, f"{-largest:.3g}", "right"),
        (left + BAR + 4, f"{largest:.3g}", "left"),
    ):
        axes.text(at, middle, word, fontsize=SIZE - 1, ha=side, va="center", color=style.ink)
    axes.text(
        left + BAR / 2,
        middle + 10,
        "0",
        fontsize=SIZE - 2,
        ha="center",
        va="center",
        color=style.ink,
    )


def image(
    axes: Axes,
    cells: Array,
    place: tuple[float, float, float, float],
    largest: float,
    style: Style,
    name: str,
    *,
    colors: str = "",
    lowest: float | None = None,
) -> None:
    """Cells as a picture in a rectangle (left, top, width, height) of the page, with an edge.

    Args:
        largest: what the scale reaches, from `lowest` or else as far below zero.
        colors: a matplotlib color map in place of the style's.
    """
    from matplotlib.colors import Normalize
    from matplotlib.image import AxesImage
    from matplotlib.patches import Rectangle

    left, top, width, height = place
    shown: Any = AxesImage(
        axes,
        cmap=colors or style.values,
        norm=Normalize(-largest if lowest is None else lowest, largest),
        interpolation="nearest",
        extent=(left, left + width, top + height, top),
        origin="upper",
    )
    shown.set_data(cells)
    shown.set_gid(name)
    axes.add_image(shown)
    axes.add_artist(
        Rectangle((left, top), width, height, fill=False, edgecolor=style.quiet, lw=0.4)
    )
