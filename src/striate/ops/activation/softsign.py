"""SOFTSIGN: a squashing function that levels off slowly.

    y = x / (1 + |x|)        y' = 1 / (1 + |x|)²

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010, section 3.3.

>>> import numpy as np
>>> Softsign().function(np.array([-1.0, 0.0, 3.0])).tolist()
[-0.5, 0.0, 0.75]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves
from striate.graph.saves import NUMBER
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Softsign(Elementwise):
    """The quotient that squashes. Shape: any, unchanged."""

    label: ClassVar[str] = "softsign"
    symbol: ClassVar[str] = "softsign"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(inputs=True, each=NUMBER)

    def function(self, x: Array) -> Array:
        return x / (1 + np.abs(x))

    def derivative(self, x: Array) -> Array:
        return 1 / (1 + np.abs(x)) ** 2
