"""CONSTANT: a value that came with the network and stays as it is, the same for every picture.

    y = value

Nothing is read and nothing learned: a buffer of a module, an initializer of an ONNX file that only
arithmetic reads, a mask.

Source: "Open Neural Network Exchange, Operators", Constant.

>>> import numpy as np
>>> from striate.graph import Call
>>> Constant((2,)).forward(Call((), {"value": np.array([1.0, 2.0])}, pictures=1)).tolist()
[[1.0, 2.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.ops.shaping.kept_value import KeptValue


@final
@dataclass(frozen=True)
class Constant(KeptValue):
    """A fixed array as a value.

    Args:
        size: the length of each axis.

    Shapes: nothing -> size; `value` of that size is kept with the weights and counted with none.
    """

    label: ClassVar[str] = "constant"

    @property
    def role(self) -> str:
        return "constant"
