"""ADD: branches of one size, summed cell by cell.

    y[c,i,j] = Σ_b x_b[c,i,j]

The gradient passes whole into every branch: ∂L/∂x_b = e. This is how a residual network carries
an error past any number of layers.

Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv:1512.03385, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> Add().forward(Call((np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])))).tolist()
[[11.0, 22.0]]
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
    Spec,
    Term,
    Use,
)
from striate.ops.arrays import Array
from striate.ops.merging.branches import same


@final
@dataclass(frozen=True)
class Add(Operator):
    """The sum of two or more branches. Shape: that of each branch."""

    label: ClassVar[str] = "add"
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def shape(self, *inputs: Spec) -> Spec:
        return same(inputs, "adds")

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=(len(inputs) - 1) * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        total = call.x
        for branch in call.inputs[1:]:
            total = total + branch
        return total

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error,) * len(call.inputs))

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [
            Term((Factor(x[index], refs=(Ref(branch, index),)),))
            for branch, x in enumerate(call.inputs)
        ]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use(ref.index, (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return " + ".join(f"{{{branch}}}[{place}]" for branch in range(len(inputs)))

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}[{','.join(map(str, ref.index))}].grad"
