"""AFFINE: every number times a plain number, plus another.

    y = scale · x + shift        ∂L/∂x = e · scale

What x / 255, 1 - x and 0.2 · x are. Both numbers are settings: nothing is learned.

Source: the usual preparation of pictures, (x - mean) / deviation, as in LeCun, Bottou, Orr and
Müller, "Efficient BackProp", 1998, section 4.3.

>>> import numpy as np
>>> from striate.graph import Call
>>> Affine(-1, 1).forward(Call((np.array([[0.25]]),))).tolist()
[[0.75]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
)
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Affine(Operator):
    """Args:
        scale: what every number is multiplied by.
        shift: what is added then.

    Shape: any, unchanged.
    """

    label: ClassVar[str] = "affine"
    elementwise: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves()

    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        checked.finite("scale", self.scale, 1.0)
        checked.finite("shift", self.shift, 0.0)

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        return call.x * call.x.dtype.type(self.scale) + call.x.dtype.type(self.shift)

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error * error.dtype.type(self.scale),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        number = Factor(call.x[index].item(), refs=(Ref(0, index),))
        found = [Term((self._scale, number))]
        return [*found, Term((Factor(self.shift, f"{self.shift!r}"),))] if self.shift else found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use(ref.index, (self._scale,))]

    @property
    def _scale(self) -> Factor:
        return Factor(self.scale, f"{self.scale!r}")

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"{self.scale:g} · {{0}}[{place}]" + (f" + {self.shift:g}" if self.shift else "")

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}[{','.join(map(str, ref.index))}].grad · {self.scale:g}"
