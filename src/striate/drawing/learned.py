"""How a network learned, and where it errs: curves of a run, confusion matrix, mistakes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from striate.drawing import style as styles
from striate.drawing.panels import MARGIN, image
from striate.drawing.style import LIGHT, Style
from striate.errors import RunError
from striate.files import read_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = {
    "loss": {"train_loss": "training", "validation_loss": "validation"},
    "accuracy": {"train_accuracy": "training", "validation_accuracy": "validation"},
    "learning rate": {"learning_rate": "learning rate"},
}
"""The axes of the curves: which columns of metrics.csv, and what they are called."""

CELL = 22.0
MOST_CLASSES = 40
LETTERS = 14
"""Letters of a class's name."""

ACROSS, MOST_MISTAKES = 8, 40
TILE = 84.0


class WrongPicture(Protocol):
    """One picture that a model was wrong about."""

    @property
    def index(self) -> int: ...
    @property
    def truth(self) -> str: ...
    @property
    def guess(self) -> str: ...
    @property
    def probability(self) -> float: ...


class Judged(Protocol):
    """What `striate.evaluate` answers."""

    @property
    def confusion(self) -> NDArray[Any]: ...
    @property
    def classes(self) -> Sequence[str]: ...
    @property
    def mistakes(self) -> Sequence[WrongPicture]: ...
    @property
    def headline(self) -> str: ...


def metrics(run: Path | str) -> list[Mapping[str, float]]:
    """The rows of a run's metrics.csv; what is not measured is NaN.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path = Path(run) / "metrics.csv"
    rows = list(csv.DictReader(read_text(path, RunError).splitlines()))
    try:
        found: list[Mapping[str, float]] = [
            {key: float(value or "nan") for key, value in row.items()} for row in rows
        ]
    except (TypeError, ValueError):
        raise RunError(f"{path} is no table of numbers", remedy="It is damaged.") from None
    columns = {"epoch", *(name for lines in CURVES.values() for name in lines)}
    if not found or not columns <= set(found[0]):
        raise RunError(f"{path} has no epochs", remedy="Train for at least one: striate train.")
    return found


def curves(run: Path | str, *, style: Style = LIGHT) -> Figure:
    """Loss, accuracy and learning rate of a run by epoch.

    Args:
        run: a run folder.

    Raises:
        RunError: it has no metrics.csv, or that is damaged.
    """
    rows = metrics(run)
    width, height = 820.0, 270.0
    figure = styles.new(width, height, style)
    figure.text(0.02, 0.94, Path(run).resolve().name, weight="bold", fontsize=10, color=style.ink)
    for k, (title, lines) in enumerate(CURVES.items()):
        axes = figure.add_axes((0.07 + 0.325 * k, 0.17, 0.245, 0.6), facecolor=style.paper)
        for line, (column, said) in enumerate(lines.items()):
            plot(axes, rows, column, style, label=said, gid=column, color=style.lines[line])
        axes.set_title(title, fontsize=9, loc="left", pad=18, color=style.ink)
        if len(lines) > 1:
            above: dict[str, Any] = {
                "loc": "lower left",
                "bbox_to_anchor": (-0.02, 0.99),
                "frameon": False,
            }
            axes.legend(ncols=2, fontsize=7, **above)
    return figure


def plot(
    axes: Axes, rows: Sequence[Mapping[str, float]], column: str, style: Style, **look: Any
) -> None:
    """A column of a run's metrics by epoch, as a line of that look."""
    from matplotlib.ticker import MaxNLocator

    epochs = [row["epoch"] for row in rows]
    marker = "o" if len(rows) < 30 else None
    axes.plot(epochs, [row[column] for row in rows], marker=marker, ms=3, **look)
    dressed(axes, "epoch", style)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def dressed(axes: Axes, across: str, style: Style) -> None:
    """Axes with a grid, small numbers, and what is counted across."""
    axes.set_xlabel(across, fontsize=8, color=style.ink)
    axes.tick_params(labelsize=7, colors=style.ink)
    axes.grid(color=style.grid, lw=0.5)
    for spine in axes.spines.values():
        spine.set_color(style.quiet)


def confusion(judged: Judged, *, style: Style = LIGHT) -> Figure:
    """True classes down, answers across: how many pictures, colored by their share of the row.

    Args:
        judged: what `striate.evaluate` answers. Of many classes those with the most mistakes are
            drawn.
    """
    counts = np.asarray(judged.confusion)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")
    chosen = np.sort(order[:MOST_CLASSES])
    shown = counts[np.ix_(chosen, chosen)]
    names = [styles.short(judged.classes[k], LETTERS) for k in chosen]
    room = max(map(styles.letters, names)) * 5.0 + 12
    side = len(chosen) * CELL
    width = max(2 * MARGIN + room + side, 380.0)
    left, top = MARGIN + room, 4 * MARGIN + room
    figure = styles.new(width, top + side + MARGIN, style)
    axes = styles.page(figure, width, top + side + MARGIN)
    few = f" The {len(chosen)} of {len(counts)} classes with the most mistakes."
    said = "True classes down, answers across; the darker, the larger the share of the true class."
    axes.text(MARGIN, MARGIN + 4, judged.headline, fontsize=9, weight="bold", va="center")
    note = said + few * (len(chosen) < len(counts))
    axes.text(MARGIN, MARGIN + 20, note, fontsize=7, color=style.quiet, va="center")
    share = shown / np.maximum(counts[chosen].sum(axis=1, keepdims=True), 1)
    image(axes, share, (left, top, side, side), 1.0, style, "confusion", colors="Blues", lowest=0.0)
    small: dict[str, Any] = {
        "fontsize": 7,
        "va": "center",
        "family": styles.named(),
        "parse_math": False,
    }
    for k, name in enumerate(names):
        at = (k + 0.5) * CELL
        axes.text(left - 5, top + at, name, ha="right", **small)
        upright = small | {"va": "bottom"}
        axes.text(left + at, top - 5, name, ha="center", rotation=90, **upright)
    for (row, column), number in np.ndenumerate(shown):
        if number:
            color = style.paper if share[row, column] > 0.55 else style.ink
            x, y = left + (column + 0.5) * CELL, top + (row + 0.5) * CELL
            size = min(7.0, 30 / len(f"{number}"))
            axes.text(x, y, f"{number}", ha="center", color=color, **(small | {"fontsize": size}))
    return figure


def mistakes(judged: Judged, images: Any, *, style: Style = LIGHT) -> Figure:
    """The pictures that a model was surest and wrong about, with true class and answer.

    Args:
        judged: what `striate.evaluate` answers.
        images: uint8 (N, channels, height, width), the pictures of the split that was judged.
    """
    shown = list(islice(judged.mistakes, MOST_MISTAKES))
    rows = -(-len(shown) // ACROSS)
    high = TILE + 30
    width, height = 2 * MARGIN + ACROSS * (TILE + 10), 3 * MARGIN + rows * high + MARGIN
    figure = styles.new(width, height, style)
    axes = styles.page(figure, width, height)
    axes.text(MARGIN, MARGIN + 4, judged.headline, fontsize=10, weight="bold", va="center")
    for k, each in enumerate(shown):
        row, column = divmod(k, ACROSS)
        left, top = MARGIN + column * (TILE + 10), 2.5 * MARGIN + row * high
        pixels = np.asarray(images[each.index])
        colors = pixels[0] / 255 if len(pixels) == 1 else pixels.transpose(1, 2, 0)
        _, tall, wide = pixels.shape
        scale = TILE / max(tall, wide)
        place = left, top, wide * scale, tall * scale
        name = f"picture {each.index}"
        image(axes, colors, place, 1.0, style, name, colors="gray", lowest=0.0)
        said = (f"is {each.truth}", f"taken for {each.guess}, {each.probability:.0%}")
        for line, words in enumerate(said):
            axes.text(
                left,
                top + TILE + 7 + 10 * line,
                styles.short(words, 19),
                fontsize=7,
                family=styles.named(),
                color=style.ink,
                va="center",
                parse_math=False,
            )
    return figure
