"""Heat as a figure: a picture, what in it speaks for the class or against, and both in one."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from striate.analysis.heat import Heat
from striate.drawing import style as styles
from striate.drawing.panels import GAP, HEAD, MARGIN, SIZE, WIDTH, image, scale_bar
from striate.drawing.style import LIGHT, Style
from striate.drawing.values import colors_of, gray_of
from striate.ops.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE = 170.0
"""Points of the longer side of a picture."""

COLUMN = 42
"""Letters of a line beside the pictures."""

LEADING = 10.0


def heat(*answers: Heat, style: Style = LIGHT) -> Figure:
    """The maps of one picture or several, a row each: picture, map, and the map over the picture.

    Args:
        answers: what `striate.heat` answers.
    """
    heights = [_height(each) for each in answers]
    top = 3 * MARGIN
    width, height = WIDTH + 2 * MARGIN, top + sum(heights) + MARGIN
    figure = styles.new(width, height, style)
    axes = styles.page(figure, width, height)
    note = "Red speaks for the class, blue against it; each row has a scale of its own around zero."
    for at, words, size in ((4, "heat", 10.0), (20, note, SIZE - 1)):
        color = style.quiet if size < SIZE else style.ink
        weight = "normal" if size < SIZE else "bold"
        axes.text(
            MARGIN, MARGIN + at, words, fontsize=size, weight=weight, color=color, va="center"
        )
    for each, high in zip(answers, heights, strict=True):
        _row(axes, each, top, style)
        top += high
    return figure


def _lines(answer: Heat) -> list[str]:
    """What stands beside the pictures: checks and notes, broken."""
    said = [*map(str, answer.checks), *answer.notes]
    return [line for each in said for line in (*textwrap.wrap(each, COLUMN), "")]


def _size(answer: Heat) -> tuple[float, float]:
    rows, columns = answer.picture.exact.shape[2:]
    scale = SIDE / max(rows, columns)
    return columns * scale, max(rows * scale, 10.0)


def _height(answer: Heat) -> float:
    return HEAD + max(_size(answer)[1], LEADING * len(_lines(answer))) + 2 * GAP


def _row(axes: Axes, answer: Heat, top: float, style: Style) -> None:
    width, height = _size(answer)
    largest = float(np.abs(answer.cells).max()) or 1.0
    small = {"fontsize": SIZE, "family": styles.named(), "va": "center", "parse_math": False}
    head = styles.short(answer.headline, 92)
    axes.text(MARGIN, top + HEAD / 2 - 2, head, color=style.ink, **small)  # type: ignore[arg-type]
    scale_bar(axes, largest, top + HEAD / 2 - 2, style)
    tiles = (
        ("picture", colors_of(answer.picture), "gray", 0.0, 1.0),
        (answer.method, answer.cells, "", None, largest),
        (f"{answer.method} over the picture", _over(answer, largest, style), "", None, largest),
    )
    for k, (name, cells, colors, lowest, reach) in enumerate(tiles):
        place = MARGIN + k * (SIDE + 2 * GAP), top + HEAD, width, height
        image(axes, cells, place, reach, style, name, colors=colors, lowest=lowest)
    for k, line in enumerate(_lines(answer)):
        at = MARGIN + 3 * (SIDE + 2 * GAP), top + HEAD + LEADING * (k + 0.5)
        axes.text(*at, line, color=style.quiet, **(small | {"fontsize": SIZE - 1}))  # type: ignore[arg-type]


def _over(answer: Heat, largest: float, style: Style) -> Array:
    """The map's colors over the picture in gray, the stronger the larger the heat: (H, W, 3)."""
    from matplotlib import colormaps

    gray = 0.2 + 0.8 * gray_of(answer.picture)
    rows, columns = (
        np.arange(n) * m // n for n, m in zip(gray.shape, answer.cells.shape, strict=True)
    )
    share = answer.cells[np.ix_(rows, columns)] / largest
    color = colormaps[style.values](0.5 + 0.38 * np.sign(share))[..., :3]
    weight = np.abs(share)[..., None]
    found: Array = (1 - weight) * gray[..., None] + weight * color
    return found
