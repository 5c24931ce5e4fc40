"""Where the boxes of any small directed graph stand: rows by depth, ways around what is between.

A node stands one row below the last of what it reads. An edge over several rows has a lane of its
own in each row between, so that it runs through no box; the order within the rows is that of the
mean place of what is read, which keeps crossings few. Source: Sugiyama, Tagawa and Toda, "Methods
for Visual Understanding of Hierarchical System Structures", IEEE Trans. SMC 11(2), 1981.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from striate.drawing.layout import BESIDE, LANE, Point

DOWN = 26.0
"""Points between two rows."""

SWEEPS = 8

Slot = tuple[str, str, int]
"""A box (its name twice, row), or the lane of an edge from one name to another in a row."""


@dataclass(frozen=True)
class LayeredPlaces:
    """Boxes as (left, top, width, height) by name, and the ways from one to another."""

    boxes: Mapping[str, tuple[float, float, float, float]]
    ways: Mapping[tuple[str, str], tuple[Point, ...]]
    width: float
    height: float


def layered(
    reads: Mapping[str, Sequence[str]], sizes: Mapping[str, tuple[float, float]]
) -> LayeredPlaces:
    """The places of nodes that are given in calculating order, each with what it reads.

    Args:
        reads: by node the nodes it reads.
        sizes: by node the (width, height) of its box.
    """
    depth: dict[str, int] = {}
    for name, sources in reads.items():
        depth[name] = max((depth[each] + 1 for each in sources), default=0)
    for name in reversed(list(reads)):  # what starts a way stands just above its first reader
        if not reads[name]:
            readers = [depth[each] for each, sources in reads.items() if name in sources]
            depth[name] = min(readers, default=1) - 1
    rows = _rows(reads, depth)
    wide = {slot: sizes[slot[0]][0] if slot[0] == slot[1] else LANE for row in rows for slot in row}
    _order(rows, reads)
    middles, width = _middles(rows, wide)
    return _placed(rows, reads, depth, sizes, middles, width)


def _rows(reads: Mapping[str, Sequence[str]], depth: Mapping[str, int]) -> list[list[Slot]]:
    rows: list[list[Slot]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, sources in reads.items():
        rows[depth[name]].append((name, name, depth[name]))
        for source in dict.fromkeys(sources):
            for row in range(depth[source] + 1, depth[name]):
                rows[row].append((source, name, row))
    return rows


def _above(
    slot: Slot, reads: Mapping[str, Sequence[str]], there: Mapping[Slot, float]
) -> list[float]:
    """The places, in the row above, of what leads to a slot."""
    source, target, row = slot
    sources = reads[target] if source == target else [source]
    found = [(each, each, row - 1) for each in sources]
    lanes = [(each, target, row - 1) for each in sources]
    return [there[each] for each in (*found, *lanes) if each in there]


def _below(
    slot: Slot, reads: Mapping[str, Sequence[str]], there: Mapping[Slot, float]
) -> list[float]:
    """The places, in the row below, of what a slot leads to."""
    source, target, row = slot
    targets = [each for each in reads if source in reads[each]] if source == target else [target]
    found = [(each, each, row + 1) for each in targets]
    lanes = [(source, each, row + 1) for each in targets]
    return [there[each] for each in (*found, *lanes) if each in there]


def _order(rows: list[list[Slot]], reads: Mapping[str, Sequence[str]]) -> None:
    """Sort each row by the mean place of what is above, then below, several times."""
    last = len(rows) - 1
    for sweep in range(SWEEPS):
        if sweep % 2:
            for k in range(last - 1, -1, -1):
                rows[k] = _sorted(rows[k], rows[k + 1], reads, _below)
        else:
            for k in range(1, last + 1):
                rows[k] = _sorted(rows[k], rows[k - 1], reads, _above)


def _sorted(
    row: Sequence[Slot],
    near: Sequence[Slot],
    reads: Mapping[str, Sequence[str]],
    look: Callable[[Slot, Mapping[str, Sequence[str]], Mapping[Slot, float]], list[float]],
) -> list[Slot]:
    """A row in the order of the mean places of what each slot is joined to in the row near it."""
    there = {slot: float(place) for place, slot in enumerate(near)}
    means = {}
    for place, slot in enumerate(row):
        found = look(slot, reads, there)
        means[slot] = sum(found) / len(found) if found else float(place)
    return sorted(row, key=means.__getitem__)


def _middles(
    rows: Sequence[Sequence[Slot]], wide: Mapping[Slot, float]
) -> tuple[dict[Slot, float], float]:
    """The middle of each slot, every row centered, and the width of the widest row."""
    lengths = [sum(wide[slot] for slot in row) + BESIDE * (len(row) - 1) for row in rows]
    width = max(lengths)
    middles = {}
    for row, length in zip(rows, lengths, strict=True):
        left = (width - length) / 2
        for slot in row:
            middles[slot] = left + wide[slot] / 2
            left += wide[slot] + BESIDE
    return middles, width


def _placed(
    rows: Sequence[Sequence[Slot]],
    reads: Mapping[str, Sequence[str]],
    depth: Mapping[str, int],
    sizes: Mapping[str, tuple[float, float]],
    middles: Mapping[Slot, float],
    width: float,
) -> LayeredPlaces:
    tops, feet, top = [], [], 0.0
    for row in rows:
        tops.append(top)
        feet.append(top + max((sizes[s][1] for s, t, _ in row if s == t), default=0.0))
        top = feet[-1] + DOWN
    boxes = {}
    for name, row_ in depth.items():
        across, high = sizes[name]
        boxes[name] = middles[name, name, row_] - across / 2, tops[row_], across, high
    ways = {}
    for name, sources in reads.items():
        for source in dict.fromkeys(sources):
            begin = middles[source, source, depth[source]]
            points: list[Point] = [(begin, boxes[source][1] + sizes[source][1])]
            points.append((begin, feet[depth[source]]))
            for row_ in range(depth[source] + 1, depth[name]):
                lane = middles[source, name, row_]
                points += [(lane, tops[row_]), (lane, feet[row_])]
            ways[source, name] = (*points, (middles[name, name, depth[name]], tops[depth[name]]))
    return LayeredPlaces(boxes, ways, width, feet[-1])
