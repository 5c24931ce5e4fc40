"""`compare`: what changed from one network to another, and where their numbers part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from striate.analysis.compare import TOLERANCE
from striate.analysis.compare.changes import FOLDED, SAME, Aligned, Match
from striate.analysis.compare.numbers import Difference, Numbers
from striate.analysis.compare.sides import Comparable, ComparedNetwork, Sides, inputs_of, unlike
from striate.analysis.table import table
from striate.capacity import size
from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import IdleSettingError, SettingError
from striate.graph.settings import shown
from striate.ops.arrays import Array

SHOWN = 12
"""Changes, and nodes, that are shown."""

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Change:
    """A node that one network has and the other has not, or has in another form.

    Args:
        kind: "added" (to the second), "removed" (from the first), "changed", or "folded": part of
            another node, or written in another way with the same numbers behind it.
        a, b: its names; None where a network has none.
        what: the change in words.
    """

    kind: str
    a: str | None
    b: str | None
    what: str


@dataclass(frozen=True, repr=False)
class Comparison(Displayed):
    """Two networks side by side.

    Args:
        counts: what is counted -> as it is in the first and in the second.
        changes: in calculating order.
        differences: of the values of each pair of nodes, in calculating order; none where the
            numbers were not compared.
        input: what both were run on, or why they were not.
        tolerance: the largest relative difference that is no difference.
    """

    counts: Mapping[str, tuple[str, str]]
    changes: tuple[Change, ...]
    differences: tuple[Difference, ...]
    input: str
    tolerance: float = TOLERANCE

    @property
    def first(self) -> Difference | None:
        """The first node whose values part by more than the tolerance."""
        return next((each for each in self.differences if not self._within(each)), None)

    @property
    def ok(self) -> bool:
        """Whether both are the same network: nothing changed but what is folded, same numbers."""
        return self.first is None and all(change.kind == FOLDED for change in self.changes)

    def _within(self, each: Difference) -> bool:
        return each.relative <= self.tolerance

    @property
    def headline(self) -> str:
        """Whether they differ, how many changes there are, and the first node that parts."""
        real = sum(change.kind != FOLDED for change in self.changes)
        folded = len(self.changes) - real
        parts = [f"{real} change{'s' if real != 1 else ''}"]
        if folded:
            parts.append(f"{folded} folded")
        if self.first is not None:
            parts.append(f"numbers part at {self.first.node}")
        return f"{'the same' if self.ok else 'they differ'}: {', '.join(parts)}"

    def display(self, most: int | None = SHOWN, more: str = "") -> Iterator[Block]:
        """Counts, changes, differences and the verdict.

        Args:
            most: changes and nodes that are shown; None for all.
            more: how to see the rest.
        """
        columns = (Column("", text=True), Column("first"), Column("second"))
        yield Grid(columns, tuple((name, *pair) for name, pair in self.counts.items()))
        hint = f" ({more})" if more else ""
        if self.changes:
            yield from self._changes(most, hint)
        if self.differences:
            yield from self._differences(most, hint)
        yield Line(self.input, "quiet")
        yield Line(self.headline, "" if self.ok else "warning")

    def _changes(self, most: int | None, hint: str) -> Iterator[Block]:
        columns = (
            Column("change", text=True),
            Column("first", text=True, wide=24),
            Column("second", text=True, wide=24),
            Column("what", text=True, wide=40),
        )
        shown = list(self.changes)
        if most is not None and len(shown) > most:
            shown = sorted(shown, key=lambda each: each.kind == FOLDED)[:most]
        yield Grid(columns, tuple((c.kind, c.a or "", c.b or "", c.what) for c in shown))
        if len(shown) < len(self.changes):
            yield Line(f"and {len(self.changes) - len(shown):,} more{hint}", "quiet")

    def _differences(self, most: int | None, hint: str) -> Iterator[Block]:
        columns = (
            Column("node", text=True, wide=28),
            Column("in the second", text=True, wide=28, rank=1),
            Column("largest difference"),
            Column("mean"),
            Column("relative", rank=2),
        )
        chosen = self._chosen(most)
        rows = (
            (d.node, d.other, *(_number(n) for n in (d.largest, d.mean, d.relative)))
            for d in chosen
        )
        yield Grid(columns, tuple(rows))
        if len(chosen) < len(self.differences):
            yield Line(f"and {len(self.differences) - len(chosen):,} more{hint}", "quiet")

    def _chosen(self, most: int | None) -> list[Difference]:
        """The first that parts and what is around it, the largest, and the last."""
        if most is None or len(self.differences) <= most:
            return list(self.differences)
        places = range(len(self.differences))
        first = next((k for k in places if not self._within(self.differences[k])), 0)
        largest = sorted(places, key=lambda k: -self.differences[k].relative)
        wanted = [first, first - 1, places[-1], first + 1, *largest]
        kept = [k for k in dict.fromkeys(wanted) if k >= 0][:most]
        return [self.differences[k] for k in sorted(kept)]

    def to_json(self) -> dict[str, object]:
        """The answer as plain numbers, lists and text."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "changes": [
                {"kind": each.kind, "a": each.a, "b": each.b, "what": each.what}
                for each in self.changes
            ],
            "differences": [
                {"node": each.node, "largest": each.largest, "mean": each.mean}
                for each in self.differences
            ],
            "first": self.first.node if self.first else None,
        }


def compare(
    a: Comparable,
    b: Comparable,
    *,
    picture: Path | str | Array | None = None,
    weights: Path | str | None = None,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    data_dir: Path | str | None = None,
) -> Comparison:
    """Align two networks, list what changed, and find where their numbers part.

    Numbers are compared in float64, as the networks predict, where both have weights and take
    inputs of the same shapes.

    >>> one, two = (f"INPUT 1x8x8 -> CONV 4 {k}x{k} same -> RELU -> FC 3" for k in (3, 5))
    >>> [(each.kind, each.a, each.what) for each in compare(one, two).changes]
    [('changed', 'conv1', 'CONV 4 3x3 same -> CONV 4 5x5 same')]

    Args:
        a, b: a graph, a text, a name, a file, a run folder, a model, a capture, what `read_onnx`
            returns, or (network, weights).
        picture: a file or digits#7, as the networks take it, or their input as an array, with or
            without the axis of the batch; None for one that is drawn.
        weights: a file for those of the two that have none, as `fit_weights` takes it.
        tolerance: the largest difference that counts as none, as a share of the largest number of
            a node.
        seed: of what is drawn.
        data_dir: where named data sets lie.

    Raises:
        SettingError: the tolerance is no number of 0 or more; a picture, or weights, with nothing
            that they could be used for.
        WeightsError, ModelFileError, DataError: a file cannot be read or does not fit.
        NotEnoughMemoryError: a node needs more than there is.
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance >= 0:
        raise SettingError(
            f"tolerance is {shown(tolerance)}", remedy="Give a number of 0 or more: 1e-4."
        )
    sides = ComparedNetwork(a, weights), ComparedNetwork(b, weights)
    if weights is not None and not any(side.takes_file for side in sides):
        raise IdleSettingError(
            "weights do nothing here: both networks have their own",
            setting="weights",
            remedy="Leave them out.",
        )
    pairs = Aligned(sides[0].graph, sides[1].graph)
    reason = unlike(sides)
    if reason and picture is not None:
        raise IdleSettingError(f"the picture is not used: {reason}", setting="picture")
    differences: tuple[Difference, ...] = ()
    said = f"Numbers are not compared: {reason}." if reason else ""
    if not reason:
        inputs, called = inputs_of(sides, pairs, picture, seed, data_dir)
        numbers = Numbers(pairs, (sides[0].weights, sides[1].weights), inputs)
        numbers.fold(tolerance)
        differences = tuple(numbers.differences())
        said = (
            f"Numbers in float64 on {called}; {tolerance:g} of the largest number of a node is no "
            "difference."
        )
    changes = tuple(_changes(pairs.matches))
    return Comparison(_counts(sides), changes, differences, said, tolerance)


def _changes(matches: Sequence[Match]) -> Iterator[Change]:
    for match in matches:
        if match.kind != SAME:
            yield Change(match.kind, match.a or None, match.b or None, match.what)


def _counts(sides: Sides) -> dict[str, tuple[str, str]]:
    found = [table(side.graph) for side in sides]
    rows = {
        "input": [", ".join(str(s.graph.specs[n.name]) for n in s.graph.inputs) for s in sides],
        "output": [str(side.graph.specs[side.graph.scores.name]) for side in sides],
        "layers": [f"{len(side.graph):,}" for side in sides],
        "parameters": [f"{each.totals['parameters']:,}" for each in found],
        "multiply-adds": [f"{each.totals['multiply_adds']:,}" for each in found],
        "activations": [size(each.totals["activation_bytes"]) for each in found],
    }
    return {name: (mine, other) for name, (mine, other) in rows.items()}


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"
