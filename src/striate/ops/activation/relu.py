"""RELU: negative numbers become zero, positive ones pass.

    y = max(0, x)        y' = 1 for x > 0, else 0

At the corner x = 0 the derivative is taken as 0, as PyTorch does. The gradient of a positive
unit passes whole, however deep the network: this is what sigmoid, whose derivative is at most
1/4, cannot do.

Source: Nair and Hinton, "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML
2010; Glorot, Bordes and Bengio, "Deep Sparse Rectifier Neural Networks", AISTATS 2011.

>>> import numpy as np
>>> ReLU().function(np.array([-2.0, 0.0, 3.0])).tolist()
[0.0, 0.0, 3.0]
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
class ReLU(Elementwise):
    """The rectified linear unit. Shape: any, unchanged."""

    label: ClassVar[str] = "relu"
    symbol: ClassVar[str] = "relu"
    rises: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(output=True)

    def function(self, x: Array) -> Array:
        return np.maximum(x, 0)

    def derivative(self, x: Array) -> Array:
        return (x > 0).astype(x.dtype)
