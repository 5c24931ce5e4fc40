"""HARDSIGMOID: a sigmoid of three straight pieces.

    y = min(max(0, slope·x + shift), 1)        y' = slope where 0 < slope·x + shift < 1, else 0

No exponential, only additions and comparisons: made for small devices. At the corners the
derivative is taken as 0. The usual slope is 1/6, so that y = min(max(0, x + 3), 6) / 6;
Courbariaux et al. had 1/2, ONNX and Keras 1/5.

Source: Howard et al., "Searching for MobileNetV3", ICCV 2019, arXiv:1905.02244, section 5.2;
Courbariaux, Bengio and David, "BinaryConnect", NIPS 2015, arXiv:1511.00363, equation 3.

>>> import numpy as np
>>> HardSigmoid().function(np.array([-4.0, 0.0, 1.5, 4.0])).tolist()
[0.0, 0.5, 0.75, 1.0]
>>> HardSigmoid(0.5).derivative(np.array([-4.0, 0.0])).tolist()
[0.0, 0.5]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Saves, Spec
from striate.graph.saves import NUMBER
from striate.ops import checked
from striate.ops.activation.elementwise import Elementwise
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class HardSigmoid(Elementwise):
    """The sigmoid in straight pieces.

    Args:
        slope: the derivative of the middle piece, above 0.
        shift: its value at 0.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "hardsigmoid"
    symbol: ClassVar[str] = "hardsigmoid"
    rises: ClassVar[bool] = True

    slope: float = 1 / 6
    shift: float = 0.5

    def __post_init__(self) -> None:
        checked.positive("slope", self.slope, 1 / 6)
        checked.finite("shift", self.shift, 0.5)

    def kept(self, *inputs: Spec) -> Saves:
        usual = self == HardSigmoid()
        return Saves(inputs=usual, each=0 if usual else NUMBER)

    def function(self, x: Array) -> Array:
        return np.clip(self.slope * x + self.shift, 0, 1)

    def derivative(self, x: Array) -> Array:
        line = self.slope * x + self.shift
        return ((line > 0) & (line < 1)).astype(x.dtype) * self.slope
