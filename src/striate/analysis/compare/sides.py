"""The two networks of a comparison, and the input that both are run on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from striate.analysis.compare.changes import ADDED, REMOVED, Aligned
from striate.analysis.subject import nested
from striate.data.given import Given
from striate.data.preprocess import Preprocessing
from striate.display import shape_text
from striate.errors import DataError
from striate.graph import Graph
from striate.graph.imported import Explainable
from striate.lookup import NetworkLike, Weighted, explainable_of, graph_of, subject_of
from striate.model import Model
from striate.ops.arrays import Array, Weights

DRAWN = 2
"""Inputs that are drawn where no picture is given."""

Comparable: TypeAlias = "Explainable | tuple[NetworkLike, Mapping[str, object]] | NetworkLike"


class ComparedNetwork:
    """One of two networks, with what is known of it.

    Args:
        file: weights, where the network has none.
    """

    def __init__(self, subject: Comparable, file: Path | str | None = None) -> None:
        self.takes_file = False
        self.preprocessing: Preprocessing | None = None
        self.weights: Weights = {}
        self._model: Model | None = None
        if isinstance(subject, tuple):
            self.graph, self.weights = graph_of(subject[0]), nested(subject[1])
            return
        if isinstance(subject, Graph | Path | str) or not isinstance(subject, Explainable):
            subject = subject_of(subject)
        if isinstance(subject, Graph) and file is not None:
            subject, self.takes_file = explainable_of(subject, weights=file), True
        if isinstance(subject, Graph):
            self.graph = subject
            return
        self.graph, self.weights = subject.graph, nested(subject.weights)
        if isinstance(subject, Model):
            self._model, self.preprocessing = subject, subject.preprocessing

    @property
    def lacks_weights(self) -> bool:
        """Whether its weights would have to be drawn."""
        return not self.weights and any(self.graph.own_weights(node) for node in self.graph)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of its inputs."""
        return [self.graph.specs[node.name].shape for node in self.graph.inputs]

    def read(self, picture: Path | str, data_dir: Path | str | None) -> Given:
        """A picture as this network takes it; scaled to 0..1 where it does not say how."""
        reader = self._model or Weighted(self.graph, self.weights)
        return reader.read(picture, data_dir=data_dir)


Sides: TypeAlias = tuple[ComparedNetwork, ComparedNetwork]
DrawnInputs: TypeAlias = tuple[list[Array], list[Array]]


def unlike(sides: Sides) -> str:
    """Why the numbers of two networks cannot be compared; nothing where they can."""
    names = ("the first", "the second")
    lacking = [name for name, side in zip(names, sides, strict=True) if side.lacks_weights]
    if lacking:
        return f"{' and '.join(lacking)} {'have' if lacking[1:] else 'has'} no weights"
    if sides[0].shapes != sides[1].shapes:
        taken = [" and ".join(map(shape_text, side.shapes)) for side in sides]
        return f"the first takes {taken[0]}, the second {taken[1]}"
    return ""


def inputs_of(
    sides: Sides,
    pairs: Aligned,
    picture: Path | str | Array | None,
    seed: int,
    data_dir: Path | str | None,
) -> tuple[DrawnInputs, str]:
    """An array (N, *shape) for each input of each network, and what they are called.

    Each network that says how a picture becomes its input gets it so; the other one gets the same
    numbers, or the pixels themselves where it begins by scaling them.
    """
    if isinstance(picture, np.ndarray):
        return _of_array(sides, picture), "the given input"
    if picture is not None:
        knowing = next((side for side in sides if side.preprocessing), sides[0])
        given = knowing.read(picture, data_dir)
        scaled = "" if knowing.preprocessing or given.pixels is None else ", scaled to 0..1"
        called = f"{picture}{scaled}"
        if given.pixels is None or knowing.preprocessing is None:
            x = given.input(Weighted(knowing.graph, {}).preprocessing)[None]
            return ([x], [x]), called
        pixels = [
            (side.read(picture, data_dir).pixels if side.preprocessing else given.pixels)
            for side in sides
        ]
        return _entering(sides, pairs, [np.asarray(each)[None] for each in pixels]), called
    rng = np.random.default_rng(seed)
    shape = next((side.preprocessing.shape for side in sides if side.preprocessing), None)
    if shape is None:
        drawn = [rng.standard_normal((DRAWN, *each)) for each in sides[0].shapes]
        return (drawn, drawn), f"{DRAWN} drawn inputs (seed {seed})"
    drawn = [rng.integers(0, 256, (DRAWN, *shape)).astype(np.uint8)] * 2
    return _entering(sides, pairs, drawn), f"{DRAWN} drawn pictures (seed {seed})"


def _of_array(sides: Sides, picture: Array) -> DrawnInputs:
    (shape, *more) = sides[0].shapes
    fits = picture.shape[picture.ndim - len(shape) :] == shape and picture.ndim <= len(shape) + 1
    if more or not fits or not picture.size:
        raise DataError(
            f"the networks take {' and '.join(map(shape_text, sides[0].shapes))}, "
            f"but the array is {shape_text(picture.shape)}",
            remedy="Give one input, or a batch with its axis first, of a network with one input.",
        )
    x = picture.reshape(-1, *shape).astype(np.float64)
    return [x], [x]


def _entering(sides: Sides, pairs: Aligned, pixels: list[Array]) -> DrawnInputs:
    """Pixels 0..255 (N, C, H, W) as each network takes them."""
    known = [side.preprocessing for side in sides]
    added = {match.b for match in pairs.matches if match.kind == ADDED}
    removed = {match.a for match in pairs.matches if match.kind == REMOVED}
    found = []
    for k, (graph, alone) in enumerate(((pairs.a, removed), (pairs.b, added))):
        other = known[k] or known[1 - k]
        readers = graph.consumers[graph.inputs[0].name]
        scales = known[k] is None and alone.issuperset(readers)
        raw = np.asarray(pixels[k], dtype=np.float64)
        found.append([raw if scales or other is None else other.normalize_array(raw)])
    return found[0], found[1]
