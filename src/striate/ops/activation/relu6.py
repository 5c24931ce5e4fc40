"""RELU6: a rectifier that ends at 6.

    y = min(max(0, x), 6)        y' = 1 for 0 < x < 6, else 0

The ceiling keeps numbers small enough for few bits.

Source: Krizhevsky, "Convolutional Deep Belief Networks on CIFAR-10", 2010, section 3.2; used by
Howard et al., "MobileNets", arXiv:1704.04861.

>>> import numpy as np
>>> ReLU6().function(np.array([-1.0, 2.5, 9.0])).tolist()
[0.0, 2.5, 6.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class ReLU6(Elementwise):
    """The rectified linear unit with a ceiling of 6. Shape: any, unchanged."""

    label: ClassVar[str] = "relu"
    symbol: ClassVar[str] = "relu6"
    rises: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True

    def function(self, x: Array) -> Array:
        return np.clip(x, 0, 6)

    def derivative(self, x: Array) -> Array:
        return ((x > 0) & (x < 6)).astype(x.dtype)
