"""MUL: branches of one size, multiplied cell by cell.

    y[c,i,j] = Π_b x_b[c,i,j]

The gradient of one branch is the error times the product of the others:
∂L/∂x_b = e · Π_{a≠b} x_a. A branch that ends in a sigmoid is a gate: it says how much of the
other passes.

Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
section 4 (multiplicative gates).

>>> import numpy as np
>>> from striate.graph import Call
>>> Multiply().forward(Call((np.array([[1.0, 2.0]]), np.array([[10.0, 20.0]])))).tolist()
[[10.0, 40.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

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
class Multiply(Operator):
    """The product of two or more branches. Shape: that of each branch."""

    label: ClassVar[str] = "mul"
    arity: ClassVar[tuple[int, int | None]] = (2, None)

    def shape(self, *inputs: Spec) -> Spec:
        return same(inputs, "multiplies")

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=(len(inputs) - 1) * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        return _product(call.inputs, call.x)

    def backward(self, call: Call, error: Array) -> Gradients:
        branches = range(len(call.inputs))
        return Gradients(tuple(error * _product(_others(call, b), call.x) for b in branches))

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [Term(tuple(_cell(call, branch, index) for branch in range(len(call.inputs))))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        others = (branch for branch in range(len(call.inputs)) if branch != ref.source)
        return [Use(ref.index, tuple(_cell(call, branch, ref.index) for branch in others))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return " · ".join(f"{{{branch}}}[{place}]" for branch in range(len(inputs)))

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        others = [f" · {{{b}}}[{place}]" for b in range(len(inputs)) if b != ref.source]
        return f"{{self}}[{place}].grad{''.join(others)}"


def _cell(call: Call, branch: int, index: Index) -> Factor:
    return Factor(call.inputs[branch][index], refs=(Ref(branch, index),))


def _others(call: Call, branch: int) -> tuple[Array, ...]:
    return (*call.inputs[:branch], *call.inputs[branch + 1 :])


def _product(arrays: tuple[Array, ...], like: Array) -> Array:
    product = np.ones_like(like)
    for each in arrays:
        product = product * each
    return product
