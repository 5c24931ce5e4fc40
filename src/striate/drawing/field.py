"""What a unit sees of a picture: what it can depend on, and how much each pixel moves it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from striate.analysis.effective_field import EffectiveField, effective_field
from striate.analysis.receptive_field import Span, receptive_fields
from striate.analysis.subject import ReadyNetwork, Subject, network_of, picture_of
from striate.analysis.why.question import Reader
from striate.capacity import check
from striate.drawing import style as styles
from striate.drawing.panels import MARGIN, image
from striate.drawing.style import LIGHT, Style
from striate.drawing.values import gray_of
from striate.errors import ExplanationError
from striate.graph import Index
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE = 420.0
"""Points of the longer side of the picture with what lies outside of it."""


def field(
    subject: Subject,
    picture: object,
    unit: str,
    *,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
    style: Style = LIGHT,
) -> Figure:
    """The part of a picture that a unit depends on at most, as a frame, and what moves it in that.

    The frame is the theoretical receptive field; the colors over the picture are the effective
    one, the size of the unit's gradient by each pixel.

    Args:
        subject, picture: as `striate.why` takes them, and the arguments after `unit`.
        unit: conv2[3,4,7], or a layer for the unit in its middle.

    Raises:
        ExplanationError: there is no such unit, or its field is not known or no rectangle.
    """
    network = network_of(subject, seed, weights)
    check(network.graph, 1, number=8)
    taken = picture_of(network, picture, data_dir, ink)
    name, index = _unit(network, unit)
    rows, columns = _ranges(network, name, index)
    shown = 0.2 + 0.8 * gray_of(taken)
    height, width = shown.shape
    low, left = min(rows.start, 0), min(columns.start, 0)
    tall, wide = max(rows.stop, height) - low, max(columns.stop, width) - left
    scale = SIZE / max(tall, wide)
    page = max(wide * scale, SIZE) + 2 * MARGIN, tall * scale + 5 * MARGIN
    figure = styles.new(*page, style)
    axes = styles.page(figure, *page)
    called = f"{name}[{','.join(map(str, index))}]"
    effective = effective_field(network, taken, name, index)
    said = _said(called, rows, columns, (height, width))
    for k, line in enumerate((*said, _moved(effective, (rows, columns)))):
        axes.text(
            MARGIN,
            MARGIN + 4 + 14 * k,
            line,
            fontsize=8 if k else 10,
            weight="normal" if k else "bold",
            color=style.quiet if k else style.ink,
            va="center",
        )
    x, y = MARGIN - left * scale, 4 * MARGIN - low * scale
    place = x, y, width * scale, height * scale
    image(axes, shown, place, 1.0, style, "picture", colors="gray", lowest=0.0)
    over = _colored(effective.shares, style)
    image(axes, over, place, 1.0, style, "effective field")
    _frame(axes, (rows, columns), (x, y), scale, style)
    return figure


def _colored(shares: Array, style: Style) -> Array:
    """Shares as one color, the less transparent the larger: (H, W, 4)."""
    from matplotlib.colors import to_rgb

    found = np.empty((*shares.shape, 4))
    found[..., :3] = to_rgb(style.heat)
    found[..., 3] = shares / (shares.max() or 1.0)
    return found


def _moved(effective: EffectiveField, field_: tuple[range, range]) -> str:
    """How few pixels move the unit most, and that none outside of its field does."""
    if not effective.slope:
        return "no pixel moves it here: its gradient is zero"
    count, most = effective.count(0.5), effective.count(0.95)
    outside = effective.outside(field_)
    return (
        f"half of its gradient lies on {count:,} pixels, 95 % on {most:,}; "
        f"outside of the frame {outside:.2g}"
    )


def _unit(network: ReadyNetwork, unit: str) -> tuple[str, Index]:
    """Node and position of a unit; of a layer alone, of the one in its middle."""
    graph = network.graph
    name = network.aliases.get(unit, unit)
    if name in graph:
        return name, tuple(n // 2 for n in graph.specs[name].shape)
    number = Reader(graph, network.classes, network.aliases).number(unit)
    if number is None or number.weight or number.gradient:
        raise ExplanationError(
            f"{unit!r} names no unit", remedy="Name a layer, or a unit of it: conv2[3,4,7]."
        )
    return number.node, number.index


def _ranges(network: ReadyNetwork, name: str, index: Index) -> tuple[range, range]:
    found = receptive_fields(network.graph)[name]
    if found.unknown:
        raise ExplanationError(f"the receptive field of {name} is not known: {found.unknown}")
    if len(found.spans) != 2:
        raise ExplanationError(
            f"{name} sees no picture of rows and columns", remedy="striate show says what it sees."
        )
    if not all(span.even for span in found.spans):
        raise ExplanationError(
            f"the units of {name} follow each other in another order than the picture's positions",
            remedy="Draw the field of the layer before it.",
        )
    rows, columns = (_range(span, index) for span in found.spans)
    return rows, columns


def _range(span: Span, index: Index) -> range:
    return span.of(0 if span.axis is None else index[span.axis])


def _said(called: str, rows: range, columns: range, size: tuple[int, int]) -> tuple[str, ...]:
    """The unit, what it sees, and how much of that is padding."""
    where = (
        f"rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}"
        f" of {size[0]}x{size[1]}"
    )
    inside = [
        len(range(max(each.start, 0), min(each.stop, n)))
        for each, n in zip((rows, columns), size, strict=True)
    ]
    lost = len(rows) * len(columns) - inside[0] * inside[1]
    padding = f"; {lost:,} of {len(rows) * len(columns):,} positions are padding" if lost else ""
    return f"{called} sees {len(rows)}x{len(columns)}", where + padding


def _frame(
    axes: object,
    field_: tuple[range, range],
    corner: tuple[float, float],
    scale: float,
    style: Style,
) -> None:
    from matplotlib.patches import Rectangle

    rows, columns = field_
    frame = Rectangle(
        (corner[0] + columns.start * scale, corner[1] + rows.start * scale),
        len(columns) * scale,
        len(rows) * scale,
        facecolor=style.mark,
        alpha=0.12,
        zorder=3,
    )
    edge = Rectangle(
        frame.get_xy(),
        frame.get_width(),
        frame.get_height(),
        fill=False,
        edgecolor=style.mark,
        lw=2,
        zorder=4,
    )
    edge.set_gid("field")
    for each in (frame, edge):
        axes.add_patch(each)  # type: ignore[attr-defined]
