"""FLATTEN: a map becomes a row of numbers, channel by channel, row by row.

    y[(c·H + i)·W + j] = x[c,i,j]

Nothing is computed: the gradient is the error, put back into the shape of the map.

>>> str(Flatten().shape(Spec((16, 5, 5))))
'400'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.graph import Along, Routes, Saves, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Flatten(Rearrangement):
    """Shapes: any -> (product of all,)."""

    label: ClassVar[str] = "flatten"
    only_moves: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(views=True, hands_on=True)

    def shape(self, *inputs: Spec) -> Spec:
        return Spec((inputs[0].size,))

    def field(self, *inputs: Spec) -> Routes:
        return Routes((Along(0, even=False),) * inputs[0].rank)

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return x.reshape(len(x), -1)
