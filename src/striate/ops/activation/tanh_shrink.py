"""TANHSHRINK: what the hyperbolic tangent leaves of a number.

    y = x - tanh(x)        y' = tanh²(x)

Small numbers all but vanish, large ones lose 1.

Source: Collobert, Kavukcuoglu and Farabet, "Torch7", BigLearn 2011, whose nn package has it.

>>> import numpy as np
>>> TanhShrink().function(np.array([-1.0, 0.0, 20.0])).round(6).tolist()
[-0.238406, 0.0, 19.0]
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
class TanhShrink(Elementwise):
    """A number less its hyperbolic tangent. Shape: any, unchanged."""

    label: ClassVar[str] = "tanhshrink"
    symbol: ClassVar[str] = "tanhshrink"
    rises: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(each=NUMBER)

    def function(self, x: Array) -> Array:
        return x - np.tanh(x)

    def derivative(self, x: Array) -> Array:
        return np.tanh(x) ** 2
