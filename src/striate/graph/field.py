"""What one output of an operator sees of the axes of an input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from striate.graph.window import Window

POSITION = Window(1)
"""A window that sees one position, the next one at the next step."""


class Reach(Enum):
    """How far one output sees, where one word says it for all axes."""

    POINT = "only its own position"
    EVERYTHING = "every position"
    UNEVEN = "windows that differ from place to place"
    UNKNOWN = "no formula of ours"


@dataclass(frozen=True, slots=True)
class Along:
    """Where an input axis goes: an output axis runs along it.

    Args:
        axis: the output axis, counted without the batch; None where the positions are scattered
            over several.
        window: what one step on the output axis sees of the input axis.
        even: whether output positions follow each other as input positions do. Where they do not
            (flattened, flipped, rolled axes), each output sees one position, at no regular place.

    >>> Along(1, Window(3, stride=2)).window.extent
    3
    """

    axis: int | None
    window: Window = POSITION
    even: bool = True


@dataclass(frozen=True, slots=True)
class Routes:
    """Where each input axis goes, counted without the batch; None where every output sees it whole.

    Args:
        goes: an entry for each axis of the input, the channels first.
    """

    goes: tuple[Along | None, ...]

    @classmethod
    def straight(cls, rank: int, but: Mapping[int, Along | None]) -> Routes:
        """Each of `rank` axes runs along the same axis of the output, `but` for these.

        >>> Routes.straight(2, {0: None}).goes == (None, Along(1))
        True
        """
        return cls(tuple(but.get(k, Along(k)) for k in range(rank)))

    @property
    def in_place(self) -> bool:
        """Whether every position keeps its place and sees no other, whatever the channels do."""
        return all(along == Along(axis) for axis, along in enumerate(self.goes[1:], 1))


Field: TypeAlias = tuple[Window, ...] | Routes | Reach
"""What one output sees of an input: a window for each spatial axis, along which the same axis of
the output runs; or where each axis goes; or one word for all."""
