"""SOFTSHRINK: numbers move towards zero by a threshold, those nearer become zero.

    y = sign(x) · max(|x| - λ, 0)        y' = 1 for |x| > λ, else 0

Source: Donoho and Johnstone, "Ideal Spatial Adaptation by Wavelet Shrinkage", Biometrika 81, 1994
(soft thresholding).

>>> import numpy as np
>>> SoftShrink().function(np.array([-2.0, 0.25, 0.75])).tolist()
[-1.5, 0.0, 0.25]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.ops.activation.shrinkage import Shrinkage
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class SoftShrink(Shrinkage):
    """Soft thresholding.

    Args:
        threshold: λ, 0 or more.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "softshrink"
    symbol: ClassVar[str] = "softshrink"

    def function(self, x: Array) -> Array:
        return x - np.clip(x, x.dtype.type(-self.threshold), x.dtype.type(self.threshold))
