"""MEAN: the average along some axes: of a map one number per channel, or over steps, or channels.

    y[c] = (1/n) Σ_i Σ_j x[c,i,j]        over the spatial axes, unless others are named

The gradient is spread evenly: ∂L/∂x[c,i,j] = e[c] / n. GLOBALAVGPOOL is MEAN over the spatial axes
that keeps them.

Source: Lin, Chen and Yan, "Network in Network", ICLR 2014, arXiv:1312.4400, section 3.2.

>>> import numpy as np
>>> from striate.graph import Call, Spec
>>> Mean().forward(Call((np.arange(6.0).reshape(1, 1, 2, 3),))).tolist()
[[2.5]]
>>> str(Mean("channel row", keep=True).shape(Spec((8, 5, 7))))
'1x1x7'
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
class Mean(Reduction):
    """The average along some axes.

    Args:
        axis: its name or number, or several in one text ("row column") or tuple; None for all
            spatial axes of a map.
        keep: whether an axis stays, with length 1.

    Shapes: (C, *spatial) -> (C,), or what is left of other axes.
    """

    label: ClassVar[str] = "mean"
    saves: ClassVar[Saves] = Saves()

    def reduced(self, rows: Array) -> Array:
        return rows.mean(axis=-1)

    def slopes(self, rows: Array) -> Array:
        return np.full_like(rows, 1 / rows.shape[-1])

    def summands(self, row: Sequence[Factor]) -> list[Term]:
        return [Term((number, _share(len(row)))) for number in row]

    def slope(self, row: Sequence[Factor], place: int) -> Factor:
        return _share(len(row))

    def text(self, row: str, length: int) -> str:
        return f"1/{length} · Σ {row}"

    def slope_text(self, number: str, length: int) -> str:
        return f" · 1/{length}"


def _share(length: int) -> Factor:
    return Factor(1 / length, f"1/{length}")
