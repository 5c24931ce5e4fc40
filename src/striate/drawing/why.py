"""An explanation as a picture: what is multiplied, the products, and their sum.

For a convolution these are the window, the kernel and the products; backward the same is drawn of
errors and derivatives. Numbers lie where their indices say, a tile for each channel.
"""

from __future__ import annotations

import re
import textwrap
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from striate.analysis.why.explanation import Explanation, exact_sum
from striate.drawing.panels import GAP, WIDTH, Panel, Tile, drawn
from striate.drawing.style import LIGHT, Style
from striate.graph import Index
from striate.reference import NamedFactor, Product

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TILES = 6
"""Channels that are drawn, those whose products sum to most."""

MOST_LINES = 12
"""Products that stand in lines of text, the largest of those that have no place."""

CELL = 26.0
TALLEST = 200.0
LETTERS = 150
"""Letters of a line of text."""

_PLACE = re.compile(r"(?P<name>.+)\[(?P<index>[0-9,]+)\](?P<gradient>\.grad)?")

TilePlace: TypeAlias = tuple[str, Index, tuple[int, int]]
"""A name, the indices that choose a tile, and row and column in it."""


def why(explanation: Explanation, *, style: Style = LIGHT) -> Figure:
    """A picture of the products behind one number.

    Args:
        explanation: what `striate.why` answers.
    """
    terms, others = _gridded(explanation.terms)
    chosen, left_out = _largest(terms)
    panels = _panels(chosen)
    below = [*_sums(explanation, chosen, left_out, others)]
    notes = [
        *textwrap.wrap(f"{explanation.what} = {explanation.formula}", LETTERS),
        *(
            ("Each row has a scale of its own: white is zero, red above it, blue below.",)
            * bool(panels)
        ),
        *explanation.notes,
    ]
    return drawn(explanation.headline, notes, panels, style, below)


def _place(factor: NamedFactor) -> TilePlace | None:
    """Where a factor stands; None for a constant or for what is made of several numbers."""
    refs = dict.fromkeys(factor.refs)
    found = _PLACE.fullmatch(next(iter(refs))) if len(refs) == 1 else None
    if found is None:
        return None
    index = tuple(map(int, found["index"].split(",")))
    row, column = (0, *index)[-2:]
    name = found["name"] + (found["gradient"] or "")
    called = name if factor.what == next(iter(refs)) else _PLACE.sub(name, factor.what)
    return called, index[:-2], (row, column)


def _gridded(terms: Sequence[Product]) -> tuple[list[Product], list[Product]]:
    """The terms of which every factor has a place, all of the same names; and the others."""
    groups: dict[tuple[str, ...], list[Product]] = defaultdict(list)
    others = []
    for term in terms:
        places = [_place(each) for each in term.factors]
        if None in places:
            others.append(term)
        else:
            groups[tuple(each[0] for each in places if each)].append(term)
    main = max(groups.values(), key=len, default=[])
    others += [term for group in groups.values() if group is not main for term in group]
    return main, others


def _largest(terms: Sequence[Product]) -> tuple[list[Product], list[Product]]:
    """The terms of the tiles to draw, and those of the others."""
    tiles: dict[Index, list[Product]] = defaultdict(list)
    for term in terms:
        tiles[_first(term)[1]].append(term)
    order = sorted(tiles, key=lambda each: -abs(exact_sum([t.value for t in tiles[each]])))
    kept = set(order[:MOST_TILES])
    chosen = [term for term in terms if _first(term)[1] in kept]
    return chosen, [term for term in terms if _first(term)[1] not in kept]


def _first(term: Product) -> TilePlace:
    return _placed(term, 0)


def _placed(term: Product, factor: int) -> TilePlace:
    """The place of a factor of a term that `_gridded` has taken."""
    return _place(term.factors[factor]) or ("", (), (0, 0))


def _panels(terms: Sequence[Product]) -> list[Panel]:
    """A panel for each factor, and one of the products."""
    if not terms:
        return []
    found = [
        _panel("", [(_placed(term, k), term.factors[k].value) for term in terms])
        for k in range(len(terms[0].factors))
    ]
    if len(found) == 1:
        return found
    sums: dict[TilePlace, float] = defaultdict(float)
    for term in terms:
        sums[_first(term)] += term.value
    return [*found, _panel("products", list(sums.items()))]


def _panel(head: str, placed: Sequence[tuple[TilePlace, float]]) -> Panel:
    """Numbers where their indices say, a tile for each index before the last two."""
    name = placed[0][0][0]
    rows = [place[2][0] for place, _ in placed]
    columns = [place[2][1] for place, _ in placed]
    top, left = min(rows), min(columns)
    shape = max(rows) - top + 1, max(columns) - left + 1
    cells: dict[Index, np.ndarray] = {}
    for (_, index, (row, column)), value in placed:
        cells.setdefault(index, np.full(shape, np.nan))[row - top, column - left] = value
    room = (WIDTH - GAP * (len(cells) - 1)) / len(cells)
    cell = min(CELL, room / shape[1], TALLEST / shape[0])
    size = cell * shape[1], max(cell, 6.0 if shape[0] == 1 else cell) * shape[0]
    where = f"  {_range('row', top, shape[0])}, {_range('column', left, shape[1])}"
    tiles = [
        Tile(f"{head or name}{_written(index)}", array, _written(index))
        for index, array in cells.items()
    ]
    return Panel(head or name + where, tuple(tiles), size, len(tiles), is_written=True)


def _range(axis: str, first: int, count: int) -> str:
    return f"{axis} {first}" if count == 1 else f"{axis}s {first}–{first + count - 1}"


def _written(index: Index) -> str:
    return f"[{','.join(map(str, index))}]" if index else ""


def _sums(
    explanation: Explanation,
    chosen: Sequence[Product],
    left_out: Sequence[Product],
    others: Sequence[Product],
) -> list[str]:
    """How the products that are drawn, and those that are not, come to the number."""
    lines = [f"{_sum(chosen):+.6g}  products drawn ({len(chosen):,})"] if chosen else []
    if left_out:
        lines.append(f"{_sum(left_out):+.6g}  products of other channels ({len(left_out):,})")
    others = sorted(others, key=lambda term: -abs(term.value))
    for term in others[:MOST_LINES]:
        said = " · ".join(factor.what for factor in term.factors)
        lines.append(f"{term.value:+.6g}  {textwrap.shorten(said, LETTERS, placeholder=' …')}")
    if others[MOST_LINES:]:
        lines.append(f"{_sum(others[MOST_LINES:]):+.6g}  others ({len(others) - MOST_LINES:,})")
    stored = "" if explanation.stored is None else f"   PyTorch has {explanation.stored:.6g}"
    return [*lines, f"{explanation.value:+.6g}  = {explanation.what}{stored}"]


def _sum(terms: Sequence[Product]) -> float:
    return exact_sum([term.value for term in terms])
