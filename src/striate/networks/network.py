"""What is kept of a network: its notation, where it comes from, and what was published about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from striate.display import Block, Displayed, Line


@dataclass(frozen=True, slots=True)
class Figures:
    """Published numbers, each compared with `striate show` by a test.

    Args:
        parameters: trainable numbers in all.
        giga_multiply_adds: multiply-adds of convolutions, dense layers and attention for one
            picture, in 10^9, to the two decimals they are published with.
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


@dataclass(frozen=True, slots=True, repr=False)
class CatalogNetwork(Displayed):
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

    @property
    def headline(self) -> str:
        """Its name, and where it comes from."""
        return f"{self.name}: {self.source}"

    def display(self) -> Iterator[Block]:
        """Its notation, under its name and source as a comment: a .net file."""
        yield Line(f"# {self.headline}", "quiet")
        yield from (Line(line) for line in self.notation.strip().splitlines())

    def __str__(self) -> str:
        # As it is, without the breaks that a narrow terminal would put into lines.
        return f"# {self.headline}\n{self.notation}"
