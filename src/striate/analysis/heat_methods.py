"""The methods that heat is computed by; `striate.analysis.heat` says their formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from striate.analysis.subject import Picture, ReadyNetwork, name_of_target, target_of
from striate.errors import ExplanationError, UnknownNameError, did_you_mean
from striate.graph import Graph
from striate.ops.arrays import Array
from striate.prediction import probabilities

if TYPE_CHECKING:
    from striate.pytorch.unit_gradients import UnitGradients

WORK = 100_000_000_000
"""Multiply-adds that a method takes at most, where nobody says how many samples it takes."""

EXACT = 1_000_000_000
"""Multiply-adds of a network up to which heat is computed in float64; above in float32."""

MOST_SAMPLES = 64
FEWEST_SAMPLES = 4
MOST_SQUARES = 14
"""Squares along a side, for occlusion."""

NOISE = 0.15
"""Standard deviation of the noise of smoothgrad, as a share of the input's range."""

TENTH, DRAWS = 0.1, 3
"""The share of a picture that a check covers, and how often it covers another at random."""


@dataclass(frozen=True)
class HeatCheck:
    """Something that a map of heat must fulfill, and by how much it does.

    Args:
        name: what is compared.
        value, wanted: the two numbers that would be equal; or where `wanted` is only a bound,
            the one that is to be larger, and the other.
    """

    name: str
    value: float
    wanted: float

    @property
    def residual(self) -> float:
        """By how much the value is above what is wanted."""
        return self.value - self.wanted

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.value:.6g} against {self.wanted:.6g}, "
            f"difference {self.residual:+.2g}"
        )


class HeatQuestion:
    """A network, a picture and a class, and what the methods ask of them."""

    def __init__(
        self,
        network: ReadyNetwork,
        picture: Picture,
        target: object,
        layer: str,
        samples: int | None,
    ) -> None:
        self.network = network
        self.x: Array = picture.exact
        self.samples = samples
        self._node = network.aliases["logit"]
        self.graph: Graph = network.graph.upto(self._node)
        self.input = self.graph.inputs[0].name
        takes = self.graph.specs[self.input]
        if len(takes.spatial) != 2:
            raise ExplanationError(
                f"{self.input} takes {takes}: no picture of rows and columns",
                remedy="striate why explains any number of it.",
            )
        self._index = self._class(target)
        self.target = name_of_target(network, self._index)
        self._layer = layer

    def _class(self, target: object) -> int:
        known = self.network.weights
        wanted = target_of(self.network, target)
        if wanted is not None and (wanted.size != 1 or wanted.dtype.kind == "f"):
            raise ExplanationError(
                "heat is of one class", remedy="Name it, or give its number, as the target."
            )
        if wanted is not None:
            return int(wanted.item())
        from striate.pytorch.evaluate import every_value

        graph = self.network.graph.upto(self.network.scores)
        own = {each.name: known[each.name] for each in graph if each.name in known}
        scores = every_value(graph, own, [self.x])[self.network.scores]
        shares = probabilities(graph, scores)[0]
        return int(shares.reshape(scores.shape[1], -1).sum(axis=1).argmax())

    @cached_property
    def unit(self) -> UnitGradients:
        """The score of the class; where scores are maps, its sum over all positions."""
        import torch

        from striate.pytorch.unit_gradients import UnitGradients

        shares = np.zeros(self.graph.specs[self._node].shape)
        shares[self._index] = -1.0 if self._is_penalty else 1.0
        dtype = torch.float64 if self.is_exact else torch.float32
        return UnitGradients(self.graph, self.network.weights, self._node, shares, dtype)

    @property
    def _is_penalty(self) -> bool:
        return self.graph[self._node].operator.is_penalty

    @cached_property
    def work(self) -> int:
        """Multiply-adds of one picture's score."""
        return max(1, self.graph.multiply_adds)

    @property
    def is_exact(self) -> bool:
        """Whether values are in float64."""
        return self.work <= EXACT

    @cached_property
    def score(self) -> float:
        """The score of the class."""
        return float(self.unit.numbers(self.x)[0])

    @cached_property
    def gradient(self) -> Array:
        """By the input (C, H, W)."""
        found: Array = self.unit.slope(self.x, self.input).gradient[0]
        return found

    @cached_property
    def layer(self) -> str:
        """The node whose positions a map of a layer has.

        Raises:
            UnknownNameError, ExplanationError: there is no such one, or none that is a map.
        """
        graph = self.graph
        behind = graph.descendants([self.input]) - {self.input}
        maps = [node.name for node in graph if node.name in behind and _is_map(graph, node.name)]
        if not maps:
            raise ExplanationError(
                f"nothing between {self.input} and {self._node} is a map of several positions",
                remedy="Take integrated-gradients, which looks at pixels.",
            )
        if self._layer and self._layer not in maps:
            raise UnknownNameError(
                f"{self._layer} is no map before {self._node}",
                remedy=did_you_mean(self._layer, maps) or f"The last one is {maps[-1]}.",
            )
        return self._layer or maps[-1]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the network and its numbers."""
        said = {
            "Computed in float32, as the network is large.": not self.is_exact,
            "Scores are penalties: the negative one is looked at.": self._is_penalty,
            self.network.note: bool(self.network.note),
        }
        return tuple(each for each, holds in said.items() if holds)

    def sampled(self, cost: int) -> int:
        """How many samples are taken, each of `cost` forward passes."""
        allowed = WORK // (cost * self.work)
        return self.samples or int(np.clip(allowed, FEWEST_SAMPLES, MOST_SAMPLES))

    def covering(self, cells: Array) -> HeatCheck:
        """By how much the score falls without the tenth that is marked most, against any tenth."""
        _, height, width = self.x.shape[1:]
        over = _spread(cells, (height, width)).reshape(-1)
        count = max(1, round(TENTH * over.size))
        rng = np.random.default_rng(0)
        chosen = [np.argsort(-over, kind="stable")[:count]]
        chosen += [rng.permutation(over.size)[:count] for _ in range(DRAWS)]
        covered = np.repeat(self.x, len(chosen), axis=0)
        for each, positions in zip(covered, chosen, strict=True):
            each.reshape(len(each), -1)[:, positions] = 0.0
        falls = self.score - self.unit.numbers(covered)
        what = (
            f"fall of the score without the {count:,} pixels marked most, and without any {count:,}"
        )
        return HeatCheck(what, float(falls[0]), float(falls[1:].mean()))


def _is_map(graph: Graph, name: str) -> bool:
    spatial = graph.specs[name].spatial
    return len(spatial) == 2 and spatial[0] * spatial[1] > 1


def _spread(cells: Array, size: tuple[int, int]) -> Array:
    """Cells over the positions of a picture, each of its own height and width."""
    rows, columns = (np.arange(n) * m // n for n, m in zip(size, cells.shape, strict=True))
    found: Array = cells[np.ix_(rows, columns)]
    return found


_CheckedHeat: TypeAlias = tuple[Array, tuple[HeatCheck, ...], tuple[str, ...]]


def _gradient(asked: HeatQuestion) -> _CheckedHeat:
    slope = asked.gradient
    said = "a step along the gradient: its square, and the change of the score"
    return slope.sum(axis=0), (_step(asked, slope, said),), ()


def _input_x_gradient(asked: HeatQuestion) -> _CheckedHeat:
    product = asked.x[0] * asked.gradient
    said = "a step along the input: the sum of the map, and the change of the score"
    return product.sum(axis=0), (_step(asked, asked.x[0], said),), ()


def _step(asked: HeatQuestion, along: Array, said: str) -> HeatCheck:
    """The gradient's product with a direction, and the difference quotient in that direction."""
    reach = float(np.abs(asked.x).max()) or 1.0
    step = (1e-6 if asked.is_exact else 1e-3) * reach / (float(np.abs(along).max()) or 1.0)
    after, before = asked.unit.numbers(
        np.concatenate([asked.x + step * along, asked.x - step * along])
    )
    return HeatCheck(
        said, float((asked.gradient * along).sum()), float(after - before) / (2 * step)
    )


def _smoothgrad(asked: HeatQuestion) -> _CheckedHeat:
    count = asked.sampled(3)
    spread = NOISE * float(asked.x.max() - asked.x.min())
    noise = np.random.default_rng(0).normal(0.0, spread, (count, *asked.x.shape[1:]))
    maps = asked.unit.slope(asked.x + noise, asked.input).gradient.sum(axis=1)
    halves = [maps[k::2].mean(axis=0) for k in range(2)]
    said = "correlation of the maps of two halves of the noise, which would be one"
    check_ = HeatCheck(said, _correlation(*halves), 1.0)
    return maps.mean(axis=0), (check_,), (f"{count} pictures with noise of {spread:.3g}.",)


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size else 0.0


def _integrated(asked: HeatQuestion) -> _CheckedHeat:
    count = asked.sampled(3)
    way = (np.arange(count) + 0.5) / count
    gradient = asked.unit.slope(way[:, None, None, None] * asked.x, asked.input).gradient
    found = (asked.x[0] * gradient.mean(axis=0)).sum(axis=0)
    start = float(asked.unit.numbers(np.zeros_like(asked.x))[0])
    said = "completeness: the sum of the map, and the score less that of the input of zeros"
    check_ = HeatCheck(said, float(found.sum()), asked.score - start)
    return found, (check_,), (f"{count} steps from the input of zeros.",)


def _occlusion(asked: HeatQuestion) -> _CheckedHeat:
    _, height, width = asked.x.shape[1:]
    allowed = int((WORK // asked.work) ** 0.5)
    squares = asked.samples or int(np.clip(allowed, FEWEST_SAMPLES, MOST_SQUARES))
    side = max(1, -(-max(height, width) // squares))
    rows, columns = -(-height // side), -(-width // side)
    covered = np.repeat(asked.x, rows * columns, axis=0)
    for each, (row, column) in zip(covered, np.ndindex(rows, columns), strict=True):
        each[:, row * side : (row + 1) * side, column * side : (column + 1) * side] = 0.0
    falls = (asked.score - asked.unit.numbers(covered)).reshape(rows, columns)
    by_pixel = falls.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
    return by_pixel, (), (f"Squares of {side}x{side} pixels, each set to zero.",)


def _grad_cam(asked: HeatQuestion) -> _CheckedHeat:
    slope = asked.unit.slope(asked.x, asked.layer)
    weights = slope.gradient[0].mean(axis=(1, 2), keepdims=True)
    return _cam(asked, (weights * slope.value[0]).sum(axis=0))


def _layer_cam(asked: HeatQuestion) -> _CheckedHeat:
    slope = asked.unit.slope(asked.x, asked.layer)
    return _cam(asked, (np.maximum(slope.gradient[0], 0) * slope.value[0]).sum(axis=0))


def _cam(asked: HeatQuestion, cells: Array) -> _CheckedHeat:
    rows, columns = cells.shape
    note = f"{rows}x{columns} positions of {asked.layer}, each over its share of the picture."
    none = "No position speaks for the class: no sum is positive."
    notes = (note,) if cells.max() > 0 else (note, none)
    return np.maximum(cells, 0.0), (), notes


CAMS = ("grad-cam", "layer-cam")
SAMPLED = ("smoothgrad", "integrated-gradients", "occlusion")

METHODS: dict[str, Callable[[HeatQuestion], _CheckedHeat]] = {
    "gradient": _gradient,
    "input-x-gradient": _input_x_gradient,
    "smoothgrad": _smoothgrad,
    "integrated-gradients": _integrated,
    "occlusion": _occlusion,
    "grad-cam": _grad_cam,
    "layer-cam": _layer_cam,
}
"""How heat can be computed."""
