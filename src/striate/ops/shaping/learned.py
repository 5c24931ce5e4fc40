"""LEARNED: a value that the network learns, the same for every picture.

    y = value

Nothing is read. The gradient of the value is the sum of the errors over the pictures: a class
token, a table of positions, the scale of a layer. `{ PASS | LEARNED 64x1x1 } MUL` scales 64 maps.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929, equation 1
(class token and position table).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((), {"value": np.array([1.0, 2.0])}, pictures=3)
>>> Learned((2,)).forward(call).shape
(3, 2)
>>> Learned((2,)).backward(call, np.ones((3, 2))).weights["value"].tolist()
[3.0, 3.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.ops.shaping.kept_value import KeptValue


@final
@dataclass(frozen=True)
class Learned(KeptValue):
    """A weight as a value.

    Args:
        size: the length of each axis.

    Shapes: nothing -> size; weight `value` of that size, drawn as a small Gaussian at first.
    """

    label: ClassVar[str] = "learned"

    @property
    def role(self) -> str:
        return "value"
