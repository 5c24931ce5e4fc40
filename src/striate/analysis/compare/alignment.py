"""Which node of one network is which of another.

Both stand in calculating order. Of all ways to pair nodes that keep both orders, the one with the
highest score is taken: the longest common subsequence, in which a pair scores by its operator, its
settings, the shapes of its weights and output, and its names. Source: Needleman and Wunsch, "A
General Method Applicable to the Search for Similarities", J. Mol. Biol. 48(3), 1970.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from striate.graph import Field, Graph, Node, Spec
from striate.graph.settings import settings_of
from striate.graph.window import Window
from striate.notation import operator_text
from striate.ops import Reshape, Slice
from striate.ops.axes import numbers

Pair = tuple[Node | None, Node | None]
"""A node of each network; None where one has no counterpart."""

_OF_WINDOWS = {"kernel", "stride", "padding", "dilation", "ceil"}
"""Settings that windows say: `same` and `pad=1` are one where they give the same windows."""

_WINDOWS = "windows"

_OF_TRAINING = {"momentum"}
"""Settings that a network does not use when it predicts."""

_NUMBERED = re.compile(r"[a-z]+\d+")
"""A name that nobody gave: conv1."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a node is, as far as two nodes can be compared.

    Args:
        kind: its operator.
        text: how it is written.
        settings: what its settings come to at its place.
        weights: the shapes of its weights.
        output: its shape.
    """

    name: str
    kind: str
    text: str
    settings: tuple[str, ...]
    weights: tuple[tuple[str, tuple[int, ...]], ...]
    output: tuple[int, ...]

    @property
    def windows(self) -> str:
        """Its windows, if it has any."""
        return next((each for each in self.settings if each.startswith(_WINDOWS)), "")

    def is_same(self, other: Meaning) -> bool:
        """Whether both compute the same of their inputs, with weights of the same shapes."""
        if self.kind != other.kind or self.weights != other.weights:
            return False
        return self.text == other.text or self.settings == other.settings

    def takes_in(self, other: Meaning) -> bool:
        """Whether `other` can be this with a normalization in it: the same, and it has a bias."""
        mine, others = (
            (each.kind, tuple(w for w in each.weights if w[0] != "bias"), _unbiased(each.settings))
            for each in (self, other)
        )
        return mine == others and "bias" in dict(other.weights)

    def score(self, other: Meaning) -> int:
        """How well both fit; 0 where they are no pair."""
        named = self.name == other.name and (1 if _NUMBERED.fullmatch(self.name) else 2)
        if self.kind != other.kind:
            return 1 if named == 2 else 0
        return (4 if self.is_same(other) else 2) + (self.output == other.output) + int(named)


def meaning(graph: Graph, node: Node) -> Meaning:
    """What a node is at its place."""
    given = graph.input_specs(node)
    operator = node.operator.evaluated()
    axes = len(given[0].spatial) if given else 1
    return Meaning(
        node.name,
        type(operator).__name__,
        operator_text(operator, axes=axes, shares=node.shares),
        _settings(graph, node),
        tuple((name, weight.shape) for name, weight in graph.weights(node).items()),
        graph.specs[node.name].shape,
    )


def _settings(graph: Graph, node: Node) -> tuple[str, ...]:
    """What the settings come to: windows, axes by number, floats as precise as files keep them."""
    given, operator = graph.input_specs(node), node.operator.evaluated()
    if isinstance(operator, Reshape):
        return (str(graph.specs[node.name]),)
    known = {name: getattr(operator, name) for name in settings_of(type(operator))}
    windows = _windows(operator.field(*given), given[0]) if "padding" in known else ()
    if windows:
        known = {name: value for name, value in known.items() if name not in _OF_WINDOWS}
        known[_WINDOWS] = windows
        if all(window.before == window.after == 0 for window in windows):
            known.pop("include_padding", None)
    if known.get("axis") is not None and given:
        known["axis"] = numbers(known["axis"], given[0])
    if isinstance(operator, Slice):
        length = given[0].shape[given[0].axis(operator.axis)]
        known["start"], known["stop"], _ = slice(operator.start, operator.stop).indices(length)
    return tuple(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in known.items()
        if name not in _OF_TRAINING
    )


def _windows(field: Field, given: Spec) -> tuple[Window, ...]:
    """The windows along the spatial axes, without rounding up where nothing is left over."""
    if not isinstance(field, tuple):
        return ()
    plain = [replace(window, ceil=False) for window in field]
    return tuple(
        each if each.outputs(size) == window.outputs(size) else window
        for each, window, size in zip(plain, field, given.spatial, strict=True)
    )


def _unbiased(settings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in settings if not each.startswith("bias="))


def aligned(a: Graph, b: Graph) -> list[Pair]:
    """The nodes of both networks in calculating order, paired where they correspond."""
    left = [meaning(a, node) for node in a]
    right = [meaning(b, node) for node in b]
    start = _common(left, right)
    end = _common(left[start:][::-1], right[start:][::-1])
    last = len(left) - end, len(right) - end
    inner = _paired(left[start : last[0]], right[start : last[1]])
    places = [
        *((k, k) for k in range(start)),
        *((i + start if i >= 0 else -1, j + start if j >= 0 else -1) for i, j in inner),
        *((last[0] + k, last[1] + k) for k in range(end)),
    ]
    return [(a.nodes[i] if i >= 0 else None, b.nodes[j] if j >= 0 else None) for i, j in places]


def _common(left: Sequence[Meaning], right: Sequence[Meaning]) -> int:
    """How many nodes in front are the same."""
    for k, (mine, other) in enumerate(zip(left, right, strict=False)):
        if not mine.is_same(other):
            return k
    return min(len(left), len(right))


def _paired(left: Sequence[Meaning], right: Sequence[Meaning]) -> list[tuple[int, int]]:
    """Places in both, -1 for none, of the highest score in all."""
    scores = [[mine.score(other) for other in right] for mine in left]
    best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        row, below, own = best[i], best[i + 1], scores[i]
        for j in reversed(range(len(right))):
            alone = max(row[j + 1], below[j])
            row[j] = max(alone, below[j + 1] + own[j]) if own[j] else alone
    found, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        if scores[i][j] and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            found.append((i, -1))
            i += 1
        else:
            found.append((-1, j))
            j += 1
    return [
        *found,
        *((k, -1) for k in range(i, len(left))),
        *((-1, k) for k in range(j, len(right))),
    ]
