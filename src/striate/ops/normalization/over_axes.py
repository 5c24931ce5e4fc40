"""What LAYERNORM and RMSNORM share: cells along named axes are normalized together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from striate.errors import SettingError
from striate.graph import Along, Field, Reach, Routes, Spec
from striate.ops.arrays import Array
from striate.ops.normalization.standardized import Standardized


@dataclass(frozen=True)
class OverAxes(Standardized):
    """A normalization over one axis by name or number, several by their numbers, or all."""

    axis: str | int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.axis, tuple):
            if not self.axis or len(set(self.axis)) < len(self.axis):
                raise SettingError(
                    f"axis is {'x'.join(map(str, self.axis)) or 'empty'}",
                    remedy="Name each axis once: axis=last, axis=1x2.",
                )
            if len(self.axis) == 1:
                object.__setattr__(self, "axis", self.axis[0])

    @final
    def weighted(self, x: Spec) -> tuple[int, ...]:
        """The numbers of the axes, in order.

        Raises:
            ShapeError: there is no such axis.
        """
        if self.axis is None:
            return tuple(range(x.rank))
        given = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(sorted({x.axis(each) for each in given}))

    @final
    def field(self, *inputs: Spec) -> Field:
        return seen(inputs[0], self.weighted(*inputs))

    @final
    def together(self, x: Spec) -> Array:
        return along(x, self.weighted(x))


def along(x: Spec, axes: tuple[int, ...]) -> Array:
    """The positions in `x`, laid flat: a row of cells along `axes` for each place of the others."""
    positions = np.arange(x.size).reshape(x.shape)
    last = np.moveaxis(positions, axes, range(-len(axes), 0))
    return last.reshape(-1, np.prod([x.shape[k] for k in axes], dtype=int))


def seen(x: Spec, axes: tuple[int, ...]) -> Field:
    """What an output sees that all cells along `axes` move."""
    if len(axes) == x.rank:
        return Reach.EVERYTHING
    if axes == (0,):
        return Reach.POINT
    return Routes(tuple(None if k in axes else Along(k) for k in range(x.rank)))
