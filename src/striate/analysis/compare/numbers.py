"""Where the numbers of two networks part: both run on the same input, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from striate.analysis.compare.changes import ADDED, CHANGED, FOLDED, REMOVED, SAME, Aligned, Match
from striate.capacity import enough
from striate.graph import Graph
from striate.ops import Add, Affine, BatchNorm, Learned, Scale, Shift
from striate.ops.arrays import Array, Weights
from striate.prediction import probabilities

CANCELED = 1e-3
"""The share of what a node reads below which its numbers count as canceled."""

_FOLDABLE = (Add, Affine, BatchNorm, Learned, Scale, Shift)
"""Operators that can become part of the weights beside them; and what only moves numbers can go."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far the values of one node are apart.

    Args:
        node, other: its names in both networks.
        largest, mean: of |first - second|; infinite where one has what is no number.
        relative: the largest as a share of the largest number there, or of 1/1000 of the largest
            that the node reads, which a number that cancels does not reach.
    """

    node: str
    other: str
    largest: float
    mean: float
    relative: float


class Numbers:
    """The values of two aligned networks on the same input.

    Args:
        inputs: for each network an array (N, *shape) for each of its inputs.
    """

    def __init__(
        self,
        pairs: Aligned,
        weights: tuple[Weights, Weights],
        inputs: tuple[list[Array], list[Array]],
    ) -> None:
        self._pairs = pairs
        self._graphs = pairs.a, pairs.b
        self._values = [
            _values(graph, own, x)
            for graph, own, x in zip(self._graphs, weights, inputs, strict=True)
        ]

    def differences(self) -> Iterator[Difference]:
        """Of each node that has a counterpart of its shape, in calculating order; not of inputs."""
        matches = [each for each in self._pairs.matches if each.a and each.b and not each.holds]
        mine, other = (graph.scores.name for graph in self._graphs)
        if all(mine != each.a and other != each.b for each in matches) and self._answer_alike():
            matches.append(Match(mine, other, SAME))
        for match in matches:
            found = self._difference(match)
            if found is not None and not self._pairs.a[match.a].operator.is_input:
                yield found

    def _answer_alike(self) -> bool:
        """Whether both answer with scores, or both with probabilities."""
        mine, other = (graph.gives_shares(graph.scores.name) for graph in self._graphs)
        return mine == other

    def _difference(self, match: Match) -> Difference | None:
        """How far a pair is apart; None where its values have no or other shapes."""
        (first, second), (graph, _) = self._values, self._graphs
        mine, others = first.get(match.a), second.get(match.b)
        if mine is None or others is None or mine.shape != others.shape:
            return None
        apart = np.abs(mine - others)
        read = [_largest(first[each]) for each in graph[match.a].inputs if each in first]
        size = max(_largest(mine), _largest(others), CANCELED * max(read, default=0.0))
        largest, mean = _largest(apart), float(apart.mean()) if apart.size else 0.0
        if not isfinite(largest) or not isfinite(size):
            return Difference(match.a, match.b, *(float("inf"),) * 3)
        return Difference(match.a, match.b, largest, mean, largest / size if size else 0.0)

    def fold(self, tolerance: float) -> None:
        """Mark as folded what is written in another way, but has the same numbers behind it."""
        for run in self._pairs.runs():
            open_ = [match for match in run if match.kind in (ADDED, REMOVED, CHANGED)]
            if open_ and self._is_foldable(open_) and self._agrees(run, tolerance):
                for match in open_:
                    match.kind, match.what = FOLDED, f"{match.what}: the same numbers behind it"

    def _is_foldable(self, run: Sequence[Match]) -> bool:
        """Whether nodes stand on both sides, or those of the one side can be left out.

        A kernel of another size is another layer, whatever it makes of one picture.
        """
        if any(self._pairs.has_other_kernel(match) for match in run):
            return False
        if any(match.a for match in run) and any(match.b for match in run):
            return True
        nodes = [self._pairs.a[m.a] if m.a else self._pairs.b[m.b] for m in run]
        ends = {graph.scores.name for graph in self._graphs}
        return all(
            isinstance(node.operator, _FOLDABLE) or node.operator.only_moves or node.name in ends
            for node in nodes
        )

    def _agrees(self, run: Sequence[Match], tolerance: float) -> bool:
        """Whether all that reads a run has the same values in both networks."""
        names = {match.a for match in run}, {match.b for match in run}
        if any(graph.scores.name in own for graph, own in zip(self._graphs, names, strict=True)):
            return self._answers_agree(tolerance)
        readers = [
            match
            for match in self._pairs.matches
            if match.kind == SAME
            and (
                names[0].intersection(self._pairs.a[match.a].inputs)
                or names[1].intersection(self._pairs.b[match.b].inputs)
            )
        ]
        found = [self._difference(match) for match in readers]
        return bool(found) and all(each and each.relative <= tolerance for each in found)

    def _answers_agree(self, tolerance: float) -> bool:
        """Whether both answer alike, in scores or, where one gives them, in probabilities."""
        mine, others = (
            values[graph.scores.name]
            for graph, values in zip(self._graphs, self._values, strict=True)
        )
        if mine.shape != others.shape:
            return False
        shares = [graph.gives_shares(graph.scores.name) for graph in self._graphs]
        if any(shares):
            mine, others = (
                probabilities(self._graphs[0], mine),
                probabilities(self._graphs[1], others),
            )
        return _largest(mine - others) <= tolerance * max(_largest(mine), _largest(others))


def _largest(numbers: Array) -> float:
    return float(np.abs(numbers).max(initial=0.0))


def _values(graph: Graph, weights: Weights, x: Sequence[Array]) -> Mapping[str, Array]:
    import torch

    from striate.pytorch.evaluate import every_value

    own = {node.name: weights[node.name] for node in graph if graph.own_weights(node)}
    with enough(graph, len(x[0]) if x else 1, number=8):
        return every_value(graph, own, x, torch.float64)
