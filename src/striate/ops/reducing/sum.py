"""SUM: all numbers along some axes, added up.

    y[c] = Σ_i Σ_j x[c,i,j]        over the spatial axes, unless others are named

The gradient passes whole to every number: ∂L/∂x[c,i,j] = e[c]. Branches are added by ADD.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020 (reductions).

>>> import numpy as np
>>> from striate.graph import Call
>>> Sum("channel").forward(Call((np.array([[[1.0, 2.0], [30.0, 40.0]]]),))).tolist()
[[31.0, 42.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Factor, Saves, Term
from striate.ops.arrays import Array
from striate.ops.reducing.reduction import Reduction


@final
@dataclass(frozen=True)
class Sum(Reduction):
    """The sum along some axes.

    Args:
        axis: its name or number, or several in one text ("row column") or tuple; None for all
            spatial axes of a map.
        keep: whether an axis stays, with length 1.

    Shapes: (C, *spatial) -> (C,), or what is left of other axes.
    """

    label: ClassVar[str] = "sum"
    saves: ClassVar[Saves] = Saves(hands_on=(0,))

    def reduced(self, rows: Array) -> Array:
        return rows.sum(axis=-1)

    def slopes(self, rows: Array) -> Array:
        return np.ones_like(rows)

    def summands(self, row: Sequence[Factor]) -> list[Term]:
        return [Term((number,)) for number in row]

    def slope(self, row: Sequence[Factor], place: int) -> Factor:
        return Factor(1.0, "1")

    def text(self, row: str, length: int) -> str:
        return f"Σ {row}"

    def slope_text(self, number: str, length: int) -> str:
        return ""
