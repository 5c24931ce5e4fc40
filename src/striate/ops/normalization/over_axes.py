"""What LAYERNORM and RMSNORM share: cells along named axes are normalized together."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import final

import numpy as np

from striate.graph import Field, Spec
from striate.ops import axes
from striate.ops.arrays import Array
from striate.ops.normalization.standardized import Standardized


@dataclass(frozen=True)
class OverAxes(Standardized):
    """A normalization over one axis, several, or all."""

    axis: axes.Axes | None = None

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
        return axes.field_of(inputs[0], self.weighted(*inputs))

    @final
    def together(self, x: Spec) -> Array:
        return rows(x, self.weighted(x))


def rows(x: Spec, over: tuple[int, ...]) -> Array:
    """The positions in `x`, laid flat: a row of cells along some axes for each place of others."""
    positions = np.arange(x.size).reshape(x.shape)
    last = np.moveaxis(positions, over, range(-len(over), 0))
    return last.reshape(-1, prod(x.shape[k] for k in over))
