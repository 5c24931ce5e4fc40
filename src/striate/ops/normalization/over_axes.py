"""What LAYERNORM and RMSNORM share: cells along named axes are normalized together."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import final

import numpy as np

from striate.graph import Along, Field, Reach, Routes, Spec
from striate.ops import axes
from striate.ops.arrays import Array
from striate.ops.normalization.standardized import Standardized


@dataclass(frozen=True)
class OverAxes(Standardized):
    """A normalization over one axis, several, or all."""

    axis: str | int | tuple[str | int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.axis is not None:
            object.__setattr__(self, "axis", axes.written_once(self.axis))

    @final
    def weighted(self, x: Spec) -> tuple[int, ...]:
        """The numbers of the axes, in order.

        Raises:
            ShapeError: there is no such axis, or one is named twice.
        """
        return tuple(range(x.rank)) if self.axis is None else axes.numbers(self.axis, x)

    @final
    def field(self, *inputs: Spec) -> Field:
        return seen(inputs[0], self.weighted(*inputs))

    @final
    def together(self, x: Spec) -> Array:
        return along(x, self.weighted(x))


def along(x: Spec, over: tuple[int, ...]) -> Array:
    """The positions in `x`, laid flat: a row of cells along some axes for each place of others."""
    positions = np.arange(x.size).reshape(x.shape)
    last = np.moveaxis(positions, over, range(-len(over), 0))
    return last.reshape(-1, prod(x.shape[k] for k in over))


def seen(x: Spec, over: tuple[int, ...]) -> Field:
    """What an output sees that all cells along some axes move."""
    if len(over) == x.rank:
        return Reach.EVERYTHING
    if over == (0,):
        return Reach.POINT
    return Routes(tuple(None if k in over else Along(k) for k in range(x.rank)))
