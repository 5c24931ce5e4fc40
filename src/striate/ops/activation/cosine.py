"""COSINE: the cosine of each number.

    y = cos(x)        y' = -sin(x)

A dense layer of random kernels followed by cosines measures how near two inputs are, like a
Gaussian kernel; here it mostly serves to write small expressions as graphs.

Source: Rahimi and Recht, "Random Features for Large-Scale Kernel Machines", NIPS 2007, algorithm 1.

>>> import numpy as np
>>> Cosine().function(np.array([0.0, np.pi / 3])).round(12).tolist()
[1.0, 0.5]
>>> Cosine().derivative(np.array([np.pi / 6, np.pi / 2])).round(12).tolist()
[-0.5, -1.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Cosine(Elementwise):
    """The cosine, of radians. Shape: any, unchanged."""

    label: ClassVar[str] = "cos"
    symbol: ClassVar[str] = "cos"

    def function(self, x: Array) -> Array:
        return np.cos(x)

    def derivative(self, x: Array) -> Array:
        return -np.sin(x)
