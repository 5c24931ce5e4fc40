"""SIGN: 1 for positive numbers, -1 for negative ones, 0 for zero.

    y = sign(x)        y' = 0

No gradient gets through it.

Source: Rosenblatt, "The Perceptron", Psychological Review 65, 1958 (units that answer yes or no).

>>> import numpy as np
>>> Sign().function(np.array([-3.0, 0.0, 0.5])).tolist()
[-1.0, 0.0, 1.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Sign(Elementwise):
    """The sign of each number. Shape: any, unchanged."""

    label: ClassVar[str] = "sign"
    symbol: ClassVar[str] = "sign"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves()

    def function(self, x: Array) -> Array:
        return np.sign(x)

    def derivative(self, x: Array) -> Array:
        return np.zeros_like(x)
