"""What each layer makes of a picture that is shifted, rotated, scaled or sheared.

    change of a layer = ‖value of the moved picture - value of the picture‖ / ‖value of the picture‖

A layer that pools bears small moves; a map that moves along with the picture does not, and that is
no fault of it. Source of the question: Lenc and Vedaldi, "Understanding Image Representations by
Measuring Their Equivariance and Equivalence", CVPR 2015, arXiv:1411.5908.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from striate.analysis.heat_methods import EXACT
from striate.analysis.subject import (
    Picture,
    ReadyNetwork,
    Subject,
    name_of_target,
    network_of,
    picture_of,
)
from striate.capacity import check
from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import ExplanationError
from striate.graph import Graph
from striate.ops.arrays import Array
from striate.prediction import probabilities

if TYPE_CHECKING:
    from striate.data.distort import Moves

WORK = 50_000_000_000
"""Multiply-adds of all moved pictures together, at most, as far as FEWEST amounts allow."""

FEWEST, MOST = 3, 8
"""Amounts of each move."""

FURTHEST = {"shift": 1 / 4, "rotate": 45.0, "scale": 0.5, "shear": 0.5}
"""How far each goes: a share of the width, degrees, what is added to a factor of 1, a slant."""

UNITS = {
    "shift": "pixels to the right",
    "rotate": "degrees",
    "scale": "factor",
    "shear": "slant: right per pixel up",
}
"""What the amounts of each move are counted in."""


@dataclass(frozen=True)
class MovedPicture:
    """A picture moved by one amount, and what became of it.

    Args:
        pixels: the picture as it enters the network, (C, H, W).
        amount: in `UNITS`.
        changes: by node, the relative distance from the value of the picture that is not moved.
        probability: of the class that the picture had before.
    """

    pixels: Array
    amount: float
    changes: Mapping[str, float]
    probability: float


@dataclass(frozen=True, repr=False)
class Invariance(Displayed):
    """What each layer makes of a picture's moves.

    Args:
        graph: the network, up to its scores.
        picture: as it was.
        target: the class of the picture before it is moved, as the network sees it.
        moves: by kind, the pictures by rising amount; the first one is not moved.
        notes: what a reader should know.
    """

    graph: Graph
    picture: Picture
    target: str
    moves: Mapping[str, tuple[MovedPicture, ...]]
    notes: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The class, and how many layers were asked."""
        (*_, first) = self.moves.values()
        return f"{len(first[0].changes)} layers, and a picture taken for {self.target}"

    def display(self) -> Iterator[Block]:
        """The change of each layer under the furthest of each move."""
        yield Line(self.headline, "strong")
        last = {kind: each[-1] for kind, each in self.moves.items()}
        heads = (Column(f"{kind} {each.amount:.3g}") for kind, each in last.items())
        layers = next(iter(last.values())).changes
        rows = [(name, *(f"{each.changes[name]:.3f}" for each in last.values())) for name in layers]
        rows.append(
            (f"probability of {self.target}", *(f"{e.probability:.1%}" for e in last.values()))
        )
        yield Grid((Column("layer", text=True), *heads), tuple(rows))
        yield from (Line(each, "quiet") for each in self.notes)

    def to_json(self) -> dict[str, object]:
        """By kind of move a list of amounts, each with changes and probability."""
        return {
            "target": self.target,
            "moves": {
                kind: [
                    {"amount": m.amount, "changes": dict(m.changes), "probability": m.probability}
                    for m in found
                ]
                for kind, found in self.moves.items()
            },
            "notes": list(self.notes),
        }


def invariance(
    subject: Subject,
    picture: object,
    *,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
) -> Invariance:
    """How far the values of every layer go as a picture is moved.

    Args:
        subject, picture: as `striate.why` takes them, and the other arguments.

    Raises:
        ExplanationError: the network takes no picture of rows and columns.
    """
    network = network_of(subject, seed, weights)
    check(network.graph, 1, number=8)
    taken = picture_of(network, picture, data_dir, ink)
    graph = network.graph.upto(network.scores)
    if len(graph.specs[graph.inputs[0].name].spatial) != 2:
        raise ExplanationError(
            f"{graph.inputs[0].name} takes {graph.specs[graph.inputs[0].name]}: no picture of rows "
            "and columns",
            remedy="Ask a network of pictures.",
        )
    count = int(np.clip(WORK // (4 * max(1, graph.multiply_adds)), FEWEST, MOST))
    amounts = {kind: _amounts(kind, count, taken.exact.shape[-1]) for kind in FURTHEST}
    pictures = {kind: _moved(network, taken, kind, each) for kind, each in amounts.items()}
    first, changes, shares = _measured(network, graph, taken.exact, pictures)
    index = int(first.argmax())
    moves = {
        kind: tuple(
            MovedPicture(pixels, amount, changes[kind][k], float(shares[kind][k][index]))
            for k, (pixels, amount) in enumerate(zip(pictures[kind], amounts[kind], strict=True))
        )
        for kind in FURTHEST
    }
    is_flat = graph.specs[network.scores].channels == len(first)
    target = name_of_target(network, index) if is_flat else f"unit {index}"
    return Invariance(graph, taken, target, moves, (network.note,) if network.note else ())


def _amounts(kind: str, count: int, width: int) -> list[float]:
    """From none to the furthest; shifts are whole pixels."""
    furthest = FURTHEST[kind]
    if kind == "shift":
        reach = max(1, round(furthest * width))
        return [float(k) for k in sorted({round(reach * k / count) for k in range(count + 1)})]
    return [float(each) + (kind == "scale") for each in np.linspace(0.0, furthest, count + 1)]


def _moved(network: ReadyNetwork, picture: Picture, kind: str, amounts: list[float]) -> Array:
    """The picture moved by each amount, as it enters the network (N, C, H, W)."""
    import torch

    from striate.data.distort import Augment, move

    source = picture.rounded if picture.pixels is None else picture.pixels[None]
    edges = np.concatenate([source[..., 0, :].ravel(), source[..., -1, :].ravel()])
    fill = "zeros" if np.median(edges) == 0 else "border"
    limits = Augment(rotate=1.0, fill=fill)  # a rotation interpolates, and so does this
    several = torch.from_numpy(np.repeat(source, len(amounts), axis=0))
    found: Array = move(several, _moves(kind, amounts), limits).numpy().astype(np.float64)
    if picture.pixels is None or network.preprocessing is None:
        return found
    return network.preprocessing.normalize_array(found)


def _moves(kind: str, amounts: list[float]) -> Moves:
    import torch

    from striate.data.distort import Moves

    by = torch.tensor(amounts, dtype=torch.float64)
    still = Moves(*(torch.zeros_like(by),) * 3, torch.ones_like(by), *(torch.zeros_like(by),) * 2)
    field = {"shift": "right", "rotate": "angle", "scale": "zoom", "shear": "shear"}[kind]
    return replace(still, **{field: by})


_Measured = tuple[Array, dict[str, list[dict[str, float]]], dict[str, list[Array]]]


def _measured(
    network: ReadyNetwork, graph: Graph, x: Array, pictures: Mapping[str, Array]
) -> _Measured:
    """The shares of the classes for x, and for every moved picture changes and shares."""
    import torch

    from striate.pytorch.unit_gradients import UnitGradients

    dtype = torch.float64 if graph.multiply_adds <= EXACT else torch.float32
    scores = network.scores
    every = UnitGradients(
        graph, network.weights, scores, np.ones(graph.specs[scores].shape), dtype
    ).every
    (before,) = every(x)
    behind = graph.descendants([graph.inputs[0].name])
    sizes = {name: float(np.linalg.norm(before[name])) for name in before if name in behind}
    changes: dict[str, list[dict[str, float]]] = {}
    shares: dict[str, list[Array]] = {}
    for kind, moved in pictures.items():
        for part in every(moved):
            shares.setdefault(kind, []).extend(probabilities(graph, part[scores]))
            for k in range(len(part[scores])):
                found = {
                    name: float(np.linalg.norm(part[name][k] - before[name][0])) / (size or 1.0)
                    for name, size in sizes.items()
                }
                changes.setdefault(kind, []).append(found)
    return probabilities(graph, before[scores])[0], changes, shares
