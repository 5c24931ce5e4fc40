"""HARDSHRINK: numbers that are further from zero than a threshold pass, others become zero.

    y = x for |x| > λ, else 0        y' = 1 for |x| > λ, else 0

Source: Donoho and Johnstone, "Ideal Spatial Adaptation by Wavelet Shrinkage", Biometrika 81, 1994
(hard thresholding).

>>> import numpy as np
>>> HardShrink().function(np.array([-2.0, 0.25, 0.75])).tolist()
[-2.0, 0.0, 0.75]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.shrinkage import Shrinkage
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class HardShrink(Shrinkage):
    """Hard thresholding.

    Args:
        threshold: λ, 0 or more.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "hardshrink"
    symbol: ClassVar[str] = "hardshrink"

    def function(self, x: Array) -> Array:
        return np.where(np.abs(x) > self.threshold, x, x.dtype.type(0))
