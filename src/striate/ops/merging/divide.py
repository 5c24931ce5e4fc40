"""DIV: the first branch divided by the second, cell by cell.

    y[c,i,j] = a[c,i,j] / b[c,i,j]

The gradients: ∂L/∂a = e / b and ∂L/∂b = -e · a / b². Where b is zero the result is infinite or
not a number, as everywhere in floating point.

Source: the quotient rule; as a node of a graph: Baydin, Pearlmutter, Radul and Siskind,
"Automatic Differentiation in Machine Learning: a Survey", JMLR 18, 2018, section 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[5.0]]), np.array([[2.0]])))
>>> Divide().forward(call).tolist()
[[2.5]]
>>> [each.item() for each in Divide().backward(call, np.array([[1.0]])).inputs]
[0.5, -1.25]
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
class Divide(Operator):
    """The quotient of exactly two branches. Shape: that of both."""

    label: ClassVar[str] = "div"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def shape(self, *inputs: Spec) -> Spec:
        return same(inputs, "divides")

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        above, below = call.inputs
        return above / below

    def backward(self, call: Call, error: Array) -> Gradients:
        above, below = call.inputs
        return Gradients((error / below, -error * above / below**2))

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [Term((_above(call, index), _inverse(call, index)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        inverse = _inverse(call, ref.index)
        if ref.source == 0:
            return [Use(ref.index, (inverse,))]
        minus = Factor(-1.0, "-1")
        return [Use(ref.index, (minus, _above(call, ref.index), inverse, inverse))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"{{0}}[{place}] / {{1}}[{place}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        if ref.source == 0:
            return f"{{self}}[{place}].grad / {{1}}[{place}]"
        return f"-{{self}}[{place}].grad · {{0}}[{place}] / {{1}}[{place}]²"


def _above(call: Call, index: Index) -> Factor:
    return Factor(call.inputs[0][index].item(), refs=(Ref(0, index),))


def _inverse(call: Call, index: Index) -> Factor:
    return Factor(1 / call.inputs[1][index].item(), "1/{0}", (Ref(1, index),))
