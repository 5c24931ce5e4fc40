"""Which parts of a picture a score rests on: seven methods, each with a check that can fail.

The score S is that of one class, before the softmax. With x the input, g = ∂S/∂x:

    gradient               g
    input-x-gradient       x · g
    smoothgrad             mean of g at x + noise
    integrated-gradients   (x - x₀) · mean of g on the straight way from x₀ to x
    occlusion              S(x) - S(x with a square of it at x₀)
    grad-cam               max(0, Σ_k A_k · mean of ∂S/∂A_k over the map)
    layer-cam              max(0, Σ_k A_k · max(0, ∂S/∂A_k)), at each position

x₀ is the input of zeros, and what belongs to the channels of a pixel is added up. A is the value of
a layer: the one that is named, or the last one before the score that is a map of more than one
position.

Source: Simonyan, Vedaldi and Zisserman, arXiv:1312.6034; Shrikumar et al., arXiv:1605.01713;
Smilkov et al., arXiv:1706.03825; Sundararajan, Taly and Yan, arXiv:1703.01365; Zeiler and Fergus,
arXiv:1311.2901; Selvaraju et al., arXiv:1610.02391, equations 1-2; Jiang et al., "LayerCAM",
IEEE TIP 2021, equations 4-6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from striate.analysis.heat_methods import CAMS, METHODS, SAMPLED, HeatCheck, HeatQuestion
from striate.analysis.subject import Picture, Subject, network_of, picture_of
from striate.capacity import check
from striate.display import Block, Displayed, Line
from striate.errors import SettingError, UnknownNameError, did_you_mean
from striate.ops.arrays import Array

DEFAULT = "integrated-gradients"
"""The method that is taken where none is named: its map adds up to the score."""


@dataclass(frozen=True, repr=False)
class Heat(Displayed):
    """What each part of a picture has to do with the score of a class.

    Args:
        method: one of `METHODS`.
        cells: (rows, columns), over the whole picture; positive where it speaks for the class.
        target: the class, as a person names it.
        score: of that class, before the softmax.
        layer: whose positions the cells are; the input's name where they are pixels.
        checks: what holds of the map, in numbers.
        notes: what a reader should know.
        picture: that was looked at.
    """

    method: str
    cells: Array
    target: str
    score: float
    layer: str
    checks: tuple[HeatCheck, ...]
    notes: tuple[str, ...]
    picture: Picture

    @property
    def headline(self) -> str:
        """The method, and the score that is looked at."""
        where = f" at {self.layer}" if self.method.endswith("cam") else ""
        return f"{self.method}{where} for {self.target}, whose score is {self.score:.6g}"

    def display(self) -> Iterator[Block]:
        """The checks and notes."""
        yield Line(self.headline, "strong")
        yield from (Line(str(each)) for each in self.checks)
        yield from (Line(each, "quiet") for each in self.notes)

    def to_json(self) -> dict[str, object]:
        """Cells as lists of rows, and the checks."""
        return {
            "method": self.method,
            "target": self.target,
            "score": self.score,
            "layer": self.layer,
            "cells": self.cells.tolist(),
            "checks": [
                {"name": each.name, "value": each.value, "wanted": each.wanted}
                for each in self.checks
            ],
            "notes": list(self.notes),
        }


def heat(
    subject: Subject,
    picture: object,
    target: object = None,
    *,
    method: str = DEFAULT,
    layer: str = "",
    samples: int | None = None,
    seed: int | None = None,
    weights: Path | str | None = None,
    data_dir: Path | str | None = None,
    ink: str = "keep",
) -> Heat:
    """Which parts of a picture the score of a class rests on.

    Args:
        subject, picture: as `striate.why` takes them, and `seed` to `ink`.
        target: the class; None for the one that is predicted.
        method: one of `METHODS`.
        layer: of grad-cam and layer-cam; the module's text says which one it is otherwise.
        samples: steps of integrated-gradients, pictures of smoothgrad, squares along a side of
            occlusion; None for as many as `WORK` allows.

    Raises:
        UnknownNameError: there is no such method, class or layer.
        ExplanationError: the network takes no picture, or has no map.
        SettingError: a setting that the method does not take.
    """
    _check_settings(method, layer, samples)
    network = network_of(subject, seed, weights)
    check(network.graph, 1, number=8)
    taken = picture_of(network, picture, data_dir, ink)
    asked = HeatQuestion(network, taken, target, layer, samples)
    cells, checks, notes = METHODS[method](asked)
    return Heat(
        method,
        cells,
        asked.target,
        asked.score,
        asked.layer if method in CAMS else asked.input,
        (*checks, asked.covering(cells)),
        (*notes, *asked.notes),
        taken,
    )


def _check_settings(method: str, layer: str, samples: int | None) -> None:
    if method not in METHODS:
        near = did_you_mean(method, METHODS)
        raise UnknownNameError(
            f"no method is called {method}", remedy=near or f"There are: {', '.join(METHODS)}."
        )
    if layer and method not in CAMS:
        raise SettingError(f"{method} has no layer", remedy=f"It is for {' and '.join(CAMS)}.")
    if samples is not None and method not in SAMPLED:
        raise SettingError(f"{method} has no samples", remedy=f"They are for {', '.join(SAMPLED)}.")
    if samples is not None and samples < 2:
        raise SettingError(f"samples is a number from 2 up, not {samples}")
