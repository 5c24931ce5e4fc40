"""What is kept of a network: its notation, where it comes from, and what was published about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figures:
    """Published numbers, each compared with `striate show` by a test.

    Args:
        parameters: trainable numbers in all.
        giga_multiply_adds: multiply-adds of convolutions and dense layers for one picture, in
            10^9, to the two decimals they are published with.
        layers: by node name, its published parameters and connections.
        receptive_fields: by node name, the input pixels one unit sees along an axis.
        parameters_without_exits: the same without auxiliary heads.
        connections: units x (fan-in + bias) in all.
    """

    parameters: int | None = None
    giga_multiply_adds: float | None = None
    layers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    receptive_fields: Mapping[str, int] = field(default_factory=dict)
    parameters_without_exits: int | None = None
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A network of the catalog.

    Args:
        name: as it is written on the command line.
        notation: its text.
        source: authors, title, place and year, and where in it the figures stand.
        figures: what was published.
        small: its text for a smaller picture, for checks that compute every number; empty when
            the network itself is small.
        data: what `striate train NAME` trains it on, when nothing else is said.
        recipe: the settings it does so with, as published where they are known.
    """

    name: str
    notation: str
    source: str
    figures: Figures = field(default_factory=Figures)
    small: str = ""
    data: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
