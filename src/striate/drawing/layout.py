"""Where each box of a network figure stands, in points, from the blocks alone.

Series go down, branches stand side by side, and a long main series goes on in a new column. Every
item has a rectangle of its own, so nothing can overlap; text has letters of equal width, so a
box is as wide as what it says.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from striate.drawing.blocks import Box, DrawnItem, FoldedBlocks, Parallel, Series

LETTER = 0.6021
"""The width of a letter of DejaVu Sans Mono, for a size of 1."""

SIZE, SMALL = 8.0, 6.5
"""Points of what a box does, and of its names and numbers."""

LEADING = 1.3
PAD = 5.0
GAP = 14.0
"""Points between two boxes in series, where an arrow is."""

BESIDE = 12.0
"""Points between two branches, and from a frame to what is in it."""

LANE = 14.0
"""The width of a branch that only passes its value on."""

GUTTER = 34.0
WIDEST = 54
"""Letters of a line in a box."""

ASPECT = 1.5
"""Width to height that columns are chosen for."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Words:
    """A line of a box."""

    text: str
    style: str


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A rectangle from its left top corner, downward: a box with its lines, or a frame."""

    left: float
    top: float
    width: float
    height: float
    box: Box | None = None
    words: tuple[Words, ...] = ()


@dataclass(slots=True)
class FigureLayout:
    """All that stands in a network figure.

    Args:
        boxes: with their places.
        frames: around blocks that are repeated; `words` says how often.
        ways: lines between boxes, each through its points; `True` where one ends in an arrow.
    """

    boxes: list[PlacedBox] = field(default_factory=list)
    frames: list[PlacedBox] = field(default_factory=list)
    ways: list[tuple[tuple[Point, ...], bool]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def words_of(box: Box) -> tuple[Words, ...]:
    """What a box says: its name, its operators, the shape and count of what it makes."""
    found = []
    if box.nodes:
        more = f" … {box.nodes[-1]}" if len(box.nodes) > 1 else ""
        found += _wrapped(box.nodes[0] + more, "name")
    for line in box.lines:
        found += _wrapped(line, "reference" if box.family == "reference" else "layer")
    if box.family != "reference":
        many = f", {box.parameters:,} parameters" if box.parameters else ""
        found += _wrapped(f"{box.output}{many}", "count")
    return tuple(found)


def _wrapped(line: str, style: str) -> list[Words]:
    broken = textwrap.wrap(line, WIDEST, subsequent_indent="  ", break_on_hyphens=False)
    return [Words(each, style) for each in broken or [""]]


def size_of(words: Words) -> float:
    """Points of a line's letters."""
    return SIZE if words.style == "layer" else SMALL


def _box_size(box: Box) -> Point:
    words = words_of(box)
    width = max(len(each.text) * LETTER * size_of(each) for each in words)
    return width + 2 * PAD, sum(LEADING * size_of(each) for each in words) + 2 * PAD


def _size(item: DrawnItem) -> Point:
    """The (width, height) of an item's rectangle."""
    if isinstance(item, Box):
        return _box_size(item)
    if isinstance(item, FoldedBlocks):
        width, height = _series_size(item.body)
        return width + 2 * BESIDE, height + 2 * BESIDE
    sizes = [_series_size(branch) for branch in item.branches]
    width, height = _box_size(item.merge)
    across = sum(w for w, _ in sizes) + BESIDE * (len(sizes) - 1)
    return max(across, width), max(h for _, h in sizes) + 2 * GAP + height


def _series_size(items: Series) -> Point:
    if not items:
        return LANE, 0.0
    sizes = [_size(each) for each in items]
    return max(w for w, _ in sizes), sum(h for _, h in sizes) + GAP * (len(sizes) - 1)


class _Placing:
    """Places items one by one into a layout."""

    def __init__(self) -> None:
        self.layout = FigureLayout()

    def series(self, items: Series, middle: float, top: float) -> float:
        """Place items under each other, with arrows between; returns where the last one ends."""
        for k, item in enumerate(items):
            if k and _is_fed(item):
                self._way((middle, top - GAP), (middle, top), arrow=_ends_in_arrow(item))
            self.item(item, middle, top)
            top += _size(item)[1] + GAP
        return top - GAP

    def item(self, item: DrawnItem, middle: float, top: float) -> None:
        """Place one item with its top edge at `top`."""
        if isinstance(item, Box):
            self._box(item, middle, top)
        elif isinstance(item, FoldedBlocks):
            self._repeat(item, middle, top)
        else:
            self._parallel(item, middle, top)

    def _box(self, box: Box, middle: float, top: float) -> None:
        width, height = _box_size(box)
        self.layout.boxes.append(
            PlacedBox(middle - width / 2, top, width, height, box, words_of(box))
        )

    def _repeat(self, item: FoldedBlocks, middle: float, top: float) -> None:
        width, height = _size(item)
        often = (Words(f"×{item.times}", "often"),)
        self.layout.frames.append(PlacedBox(middle - width / 2, top, width, height, None, often))
        if _is_fed(item):
            arrow = _ends_in_arrow(item.body[0])
            self._way((middle, top), (middle, top + BESIDE), arrow=arrow)
        bottom = self.series(item.body, middle, top + BESIDE)
        self._way((middle, bottom), (middle, bottom + BESIDE))

    def _parallel(self, item: Parallel, middle: float, top: float) -> None:
        sizes = [_series_size(branch) for branch in item.branches]
        joint = top + max(h for _, h in sizes) + GAP + GAP / 2
        left = middle - (sum(w for w, _ in sizes) + BESIDE * (len(sizes) - 1)) / 2
        for branch, (width, _) in zip(item.branches, sizes, strict=True):
            at = left + width / 2
            start = top + GAP / 2
            if not branch or _is_fed(branch[0]):
                arrow = bool(branch) and _ends_in_arrow(branch[0])
                self._way((middle, top), (at, top), (at, start), arrow=arrow)
            end = self.series(branch, at, start) if branch else start
            self._way((at, end), (at, joint), (middle, joint))
            left += width + BESIDE
        self._way((middle, joint), (middle, joint + GAP / 2), arrow=True)
        self._box(item.merge, middle, joint + GAP / 2)

    def _way(self, *points: Point, arrow: bool = False) -> None:
        through = [b for a, b in pairwise((None, *points)) if a != b]
        self.layout.ways.append((tuple(p for p in through if p is not None), arrow))

    def over(self, start: Point, end: Point, gutter: float, arrow: bool) -> None:
        """A line from the foot of a column to the head of the next."""
        (x, y), (to, top) = start, end
        low, high = y + GAP, top - GAP
        self._way((x, y), (x, low), (gutter, low), (gutter, high), (to, high), end, arrow=arrow)


def _is_fed(item: DrawnItem) -> bool:
    """Whether a value comes into an item from above."""
    if isinstance(item, Box):
        return item.is_fed
    if isinstance(item, FoldedBlocks):
        return _is_fed(item.body[0])
    return any(not branch or _is_fed(branch[0]) for branch in item.branches)


def _ends_in_arrow(item: DrawnItem) -> bool:
    """Whether a line to an item's top edge ends at a box."""
    return isinstance(item, Box)


def place(chains: Sequence[Series]) -> FigureLayout:
    """The layout of the chains of a network, the main one first.

    Args:
        chains: as `blocks.chains` gives them.
    """
    main, *others = chains
    columns = _columns(main)
    placing = _Placing()
    left = 0.0
    last: Point | None = None
    for column in columns:
        width, _ = _series_size(column)
        middle = left + width / 2
        if last is not None:
            arrow = _ends_in_arrow(column[0])
            placing.over(last, (middle, GAP), left - GUTTER / 2, arrow)
        last = middle, placing.series(column, middle, GAP)
        left += width + GUTTER
    tallest = max(_series_size(column)[1] for column in columns)
    for stack in _stacked(others, tallest):
        width = max(_series_size(each)[0] for each in stack)
        top = GAP
        for each in stack:
            top = placing.series(each, left + width / 2, top) + 2 * GAP
        left += width + GUTTER
    layout = placing.layout
    layout.width = left - GUTTER
    feet = [each.top + each.height for each in (*layout.boxes, *layout.frames)]
    layout.height = max(feet) + GAP
    return layout


def _columns(items: Series) -> list[Series]:
    """A series in columns, so many that the figure is about as wide as ASPECT says."""
    best: list[Series] = [items]
    distance = float("inf")
    for count in range(1, len(items) + 1):
        columns = _split(items, count)
        sizes = [_series_size(each) for each in columns]
        width = sum(w for w, _ in sizes) + GUTTER * (len(sizes) - 1)
        height = max(h for _, h in sizes)
        ratio = width / height
        off = max(ratio / ASPECT, ASPECT / ratio)
        if off < distance:
            best, distance = columns, off
    return best


def _split(items: Series, count: int) -> list[Series]:
    """The items in at most `count` columns whose tallest is as low as it can be."""
    heights = [_size(each)[1] + GAP for each in items]
    low, high = max(heights), sum(heights)
    for _ in range(20):
        most = (low + high) / 2
        low, high = (low, most) if len(_filled(heights, most)) <= count else (most, high)
    found, at = [], 0
    for length in _filled(heights, high):
        found.append(items[at : at + length])
        at += length
    return found


def _filled(heights: Sequence[float], most: float) -> list[int]:
    """How many items stand in each column when none is higher than `most`."""
    counts, used = [0], 0.0
    for height in heights:
        if counts[-1] and used + height > most:
            counts.append(0)
            used = 0.0
        counts[-1] += 1
        used += height
    return counts


def _stacked(chains: Sequence[Series], tallest: float) -> list[list[Series]]:
    """Chains of their own in columns no higher than the main ones, where they fit."""
    stacks: list[list[Series]] = []
    used = 0.0
    for each in chains:
        height = _series_size(each)[1] + 2 * GAP
        if not stacks or used + height > tallest:
            stacks.append([])
            used = 0.0
        stacks[-1].append(each)
        used += height
    return stacks
