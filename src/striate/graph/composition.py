"""Several operators under one word: what is written as one, and is a graph of plain nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from striate.graph.assembly import Assembly


@dataclass(frozen=True)
class Composition(ABC):
    """A word for several nodes, with its settings. Subclasses are final.

    Nothing but text and Python knows of it: the graph holds the nodes, each under the name of the
    whole and its own (`attention1.scores`), so that every number on the way can be asked about.
    """

    label: ClassVar[str]
    """Stem of the names of unnamed ones."""
    arity: ClassVar[tuple[int, int | None]] = (1, 1)
    """Fewest and most branches that it reads."""
    names: ClassVar[tuple[str, ...]] = ()
    """The settings that are names of nodes, whose values it reads too; empty where it does not."""

    @abstractmethod
    def lay(self, assembly: Assembly, name: str, inputs: Sequence[str]) -> list[str]:
        """Add its nodes, each called `name`, a dot and its own name; returns all these names.

        Args:
            inputs: the nodes that are its branches, then those that settings name.

        Raises:
            ShapeError, SettingError: it does not fit what reaches it.
        """

    def read(self) -> tuple[str, ...]:
        """The names that its settings give, in order."""
        found = (getattr(self, name) for name in self.names)
        return tuple(each for each in found if each)
