"""How every figure looks and is written: one palette, one font, files of the same bytes each time.

The colors are those of Okabe and Ito, which people of every color vision tell apart; values go
from blue through white (zero) to red, ColorBrewer's RdBu, which is safe for them too. Source:
Okabe and Ito, "Color Universal Design", 2002; Harrower and Brewer, "ColorBrewer.org", 2003.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from striate.errors import StriateError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
"""What a figure is written as, by the ending of its file."""

DPI = 150
MOST_PIXELS = 12_000
"""Along the longer side of a PNG; larger figures are drawn coarser."""

MONO = "DejaVu Sans Mono"
"""A font that matplotlib brings along; its letters are of equal width."""

CHINESE = ("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei", "SimHei")
"""Fonts for the letters that `MONO` lacks, where the system has one."""


@dataclass(frozen=True)
class Style:
    """The colors of a figure.

    Args:
        paper, ink, quiet: background, text and lines, what stands back.
        families: the fill of a box by its kind of layer.
        values: the matplotlib color map of values, its middle at zero.
        lines: colors of curves, in order.
        mark: what is pointed at.
        heat: what is laid over a picture.
        grid: lines behind curves.
        up, down: values and gradients as text.
    """

    paper: str
    ink: str
    quiet: str
    families: Mapping[str, str]
    values: str
    lines: tuple[str, ...]
    mark: str
    heat: str
    grid: str
    up: str
    down: str


OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

LIGHT = Style(
    paper="#ffffff",
    ink="#1a1a1a",
    quiet="#6b6b6b",
    families={
        "input": "#e6e6e6",
        "convolution": "#bcdcf2",
        "pooling": "#fbd3b4",
        "normalization": "#f6ecb0",
        "activation": "#f3ecc4",
        "merging": "#e9c9dc",
        "reducing": "#fbd3b4",
        "recurrent": "#d3cdef",
        "sequence": "#bcdcf2",
        "shaping": "#f2f2f2",
        "output": "#b5e3d3",
        "loss": "#b5e3d3",
        "foreign": "#ffffff",
        "reference": "#ffffff",
    },
    values="RdBu_r",
    lines=OKABE_ITO,
    mark="#009E73",
    heat="#D55E00",
    grid="#e0e0e0",
    up="#005a8e",
    down="#a34700",
)


def new(width: float, height: float, style: Style = LIGHT) -> Figure:
    """An empty figure of so many points."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width / 72, height / 72), facecolor=style.paper)


def page(figure: Figure, width: float, height: float) -> Axes:
    """Axes over a whole figure, in points from its left top corner down."""
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return axes


@cache
def named() -> list[str]:
    """The fonts of names that others gave, such as those of classes."""
    from matplotlib import font_manager

    there = {each.name for each in font_manager.fontManager.ttflist}
    return [MONO, *(name for name in CHINESE if name in there)]


def short(word: str, most: int) -> str:
    """A name in at most so many letters; those of Chinese count two.

    >>> short("airplane", 6), short("飞机飞机", 6)
    ('airpl…', '飞机…')
    """
    if letters(word) <= most:
        return word
    while word and letters(word) > most - 1:
        word = word[:-1]
    return f"{word}…"


def letters(word: str) -> int:
    """How many letters wide a word is; those of Chinese are two."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in word)


def suffix_of(path: Path) -> str:
    """The ending of a figure's file, one of `SUFFIXES`.

    Raises:
        StriateError: it is another, or none.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        *others, last = (each[1:].upper() for each in SUFFIXES)
        raise StriateError(
            f"a figure cannot be written as {path.name!r}",
            remedy=did_you_mean(suffix, SUFFIXES)
            or f"Its ending says how: {', '.join(others)} or {last}, as in {path.stem}.png.",
        )
    return suffix


def save(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG, SVG or PDF by the ending of the file; equal figures, equal bytes.

    Raises:
        StriateError: another ending, or a file that exists already.
    """
    path = Path(path)
    suffix = suffix_of(path)
    content = to_bytes(figure, suffix)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise StriateError(
            f"{path} exists already", remedy="Name another file, or remove it."
        ) from None


_DATELESS: Mapping[str, Mapping[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def to_bytes(figure: Figure, suffix: str) -> bytes:
    """A figure as a file of that ending would hold it."""
    from matplotlib import rc_context

    longest = max(figure.get_size_inches())
    out = BytesIO()
    with rc_context({"svg.hashsalt": "striate"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for the letter
        figure.savefig(
            out,
            format=suffix[1:],
            dpi=min(DPI, MOST_PIXELS / longest),
            metadata=dict(_DATELESS[suffix]),
        )
    return out.getvalue()
