"""ELU: positive numbers pass, negative ones level off softly at -α.

    y = x for x > 0, else α · (eˣ - 1)        y' = 1 for x > 0, else α · eˣ

Outputs can be negative, so that their mean lies nearer to zero than ReLU's; far to the left the
unit is silent. With α = 1 the derivative has no jump at zero; at x = 0 it is taken as α.

Source: Clevert, Unterthiner and Hochreiter, "Fast and Accurate Deep Network Learning by
Exponential Linear Units (ELUs)", ICLR 2016, arXiv:1511.07289, equation 15.

>>> import numpy as np
>>> ELU(2.0).function(np.array([-np.log(2.0), 0.0, 3.0])).round(12).tolist()
[-1.0, 0.0, 3.0]
>>> ELU(2.0).derivative(np.array([-np.log(2.0), 0.0, 3.0])).round(12).tolist()
[1.0, 2.0, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class ELU(Elementwise):
    """The exponential linear unit.

    Args:
        alpha: the depth it levels off at, above 0.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "elu"
    symbol: ClassVar[str] = "elu"
    rises: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True

    alpha: float = 1.0

    def __post_init__(self) -> None:
        checked.positive("alpha", self.alpha, 1)

    def function(self, x: Array) -> Array:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    def derivative(self, x: Array) -> Array:
        # The side that is not taken must not overflow.
        return np.where(x > 0, 1, self.alpha * np.exp(np.minimum(x, 0)))
