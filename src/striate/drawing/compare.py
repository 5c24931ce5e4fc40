"""Several runs over one another: how each learned, and which settings they differ in."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from striate.drawing import style as styles
from striate.drawing.learned import metrics, plot
from striate.drawing.panels import MARGIN, SIZE
from striate.drawing.style import LIGHT, Style
from striate.errors import RunError, SettingError
from striate.exchange.yaml_file import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = {
    "training loss": "train_loss",
    "validation loss": "validation_loss",
    "training accuracy": "train_accuracy",
    "validation accuracy": "validation_accuracy",
}
"""The axes, and which column of metrics.csv each one shows."""

PATTERNS = ("-", "--", ":")
"""Lines of runs beyond the number of colors."""

WIDTH, HIGH = 820.0, 210.0
"""Points of the figure, and of a row of axes."""

LINE = 14.0
LETTERS = 160
"""Letters of what is said of a run."""

OWN = ("name", "data_dir", "data_sha256")
"""What a config.yaml says of the run itself, not of how it was trained."""


def compare(*runs: Path | str, style: Style = LIGHT) -> Figure:
    """Losses and accuracies of several runs by epoch, and the settings that are not the same.

    Args:
        runs: two run folders or more.

    Raises:
        SettingError: there are fewer, more than colors and patterns tell apart, or one twice.
        RunError: one has no metrics.csv or config.yaml, or they are damaged.
    """
    names = _names(runs)
    rows = [metrics(run) for run in runs]
    said = list(map(_said, names, rows, _differences(runs)))
    top = 2 * MARGIN + 12 + LINE * sum(map(len, said))
    height = top + 2 * HIGH
    figure = styles.new(WIDTH, height, style)
    page = styles.page(figure, WIDTH, height)
    heading: dict[str, Any] = {"fontsize": 10, "weight": "bold", "va": "center"}
    page.text(MARGIN, MARGIN + 4, f"{len(runs)} runs", color=style.ink, **heading)
    at = MARGIN + 24
    for k, lines in enumerate(said):
        page.plot([MARGIN, MARGIN + 22], [at, at], lw=1.8, **_look(k, style))
        for line in lines:
            _line(page, line, at, style)
            at += LINE
    for k, (title, column) in enumerate(CURVES.items()):
        down, right = divmod(k, 2)
        foot = 1 - (top + HIGH * (down + 1) - 36) / height
        place = 0.07 + 0.48 * right, foot, 0.41, (HIGH - 70) / height
        axes = figure.add_axes(place, facecolor=style.paper)
        for number, (name, table) in enumerate(zip(names, rows, strict=True)):
            look = _look(number, style)
            plot(axes, table, column, style, gid=f"{column} of {name}", **look)
        axes.set_title(title, fontsize=9, loc="left", color=style.ink)
    return figure


def _names(runs: Sequence[Path | str]) -> list[str]:
    """A name for each run: its folder, or its path where folders are called alike."""
    most = len(styles.OKABE_ITO) * len(PATTERNS)
    if not 2 <= len(runs) <= most:
        raise SettingError(
            f"{len(runs)} run{'s' * (len(runs) != 1)} cannot be compared",
            remedy=f"Name two runs or more, up to {most}.",
        )
    places = [Path(run).resolve() for run in runs]
    twice = next((place for k, place in enumerate(places) if place in places[:k]), None)
    if twice is not None:
        raise SettingError(f"{twice.name} is named twice", remedy="Name each run once.")
    names = [place.name for place in places]
    return names if len(set(names)) == len(names) else [str(place) for place in places]


def _look(number: int, style: Style) -> dict[str, Any]:
    """Color and pattern of a run's lines."""
    pattern, color = divmod(number, len(style.lines))
    return {"color": style.lines[color], "ls": PATTERNS[pattern]}


def _line(page: Axes, line: str, at: float, style: Style) -> None:
    page.text(
        MARGIN + 28,
        at,
        styles.short(line, LETTERS),
        fontsize=SIZE - 0.5,
        family=styles.named(),
        color=style.ink,
        va="center",
        parse_math=False,
    )


def _said(name: str, rows: Sequence[Mapping[str, float]], settings: str) -> list[str]:
    """A run's name and its best epoch, then the settings that are its own."""
    found = np.array([row["validation_accuracy"] for row in rows])
    best = "no validation"
    if np.isfinite(found).any():
        k = int(np.nanargmax(found))
        best = f"best validation {found[k]:.2%} in epoch {rows[k]['epoch']:.0f} of {len(rows)}"
    return [f"{name}: {best}", *textwrap.wrap(settings, LETTERS - 8)[:3]]


def _differences(runs: Sequence[Path | str]) -> list[str]:
    """Of each run the settings in which not all agree."""
    found = [_settings(Path(run) / "config.yaml") for run in runs]
    keys = list(dict.fromkeys(key for each in found for key in each))
    differ = [key for key in keys if len({repr(each.get(key)) for each in found}) > 1]
    return [", ".join(f"{key} {_word(each.get(key))}" for key in differ) for each in found]


def _word(value: object) -> str:
    return styles.short(" ".join(f"{value}".split()), 48)


def _settings(path: Path) -> dict[str, object]:
    """The entries of a config.yaml, those of its tables too."""
    found: dict[str, object] = {}
    for key, value in read_table(path, RunError, "settings").items():
        inner = value if isinstance(value, dict) else {key: value}
        found |= {f"{name}": each for name, each in inner.items() if name not in OWN}
    return found
