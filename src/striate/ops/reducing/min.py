"""MIN: the smallest number along some axes.

    y[c] = min over (i,j) of x[c,i,j]        over the spatial axes, unless others are named

The gradient goes to the winner only: ∂L/∂x[c,i,j] = e[c] where x[c,i,j] won, else 0. Among equals
the first in reading order wins.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020 (reductions).

>>> import numpy as np
>>> from striate.graph import Call
>>> Min("step").forward(Call((np.array([[[1.0, 7.0, 2.0], [0.0, -1.0, -3.0]]]),))).tolist()
[[1.0, -3.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.ops.arrays import Array
from striate.ops.reducing.extreme import Extreme


@final
@dataclass(frozen=True)
class Min(Extreme):
    """The smallest number along some axes.

    Args:
        axis: its name or number, or several in one text ("row column") or tuple; None for all
            spatial axes of a map.
        keep: whether an axis stays, with length 1.

    Shapes: (C, *spatial) -> (C,), or what is left of other axes.
    """

    label: ClassVar[str] = "min"
    superlative: ClassVar[str] = "smallest"

    def winners(self, rows: Array) -> Array:
        return rows.argmin(axis=-1)
