"""MATMUL: the matrix product of two values that were both computed.

    y[h,i,j] = Σ_k a[h,i,k] · b[h,k,j]

The gradients: ∂L/∂a = e bᵀ and ∂L/∂b = aᵀ e. Axes before the last two (attention heads) are paired,
or have length 1 and are spread. Attention is MATMUL, AFFINE, SOFTMAX, MATMUL.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, arXiv:1706.03762, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> a, b = np.array([[[1.0, 2.0]]]), np.array([[[10.0], [100.0]]])
>>> MatMul().forward(Call((a, b))).tolist()
[[[210.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Field,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Routes,
    Saves,
    Spec,
    Term,
    Use,
)
from striate.graph.saves import NUMBER
from striate.ops import broadcast
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class MatMul(Operator):
    """The product of exactly two branches.

    Shapes: (*heads, I, K) and (*heads, K, J) -> (*heads, I, J).
    """

    label: ClassVar[str] = "matmul"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def shape(self, *inputs: Spec) -> Spec:
        a, b = inputs
        fits = a.rank == b.rank >= 2 and a.shape[-1] == b.shape[-2]
        if not fits:
            raise ShapeError(
                f"{{self}} multiplies rows by columns, but its inputs are {a} and {b}",
                remedy="The last axis of the first must be as long as the last but one of the "
                "second; PERMUTE turns a matrix.",
            )
        heads = broadcast.common((Spec(a.shape[:-2]), Spec(b.shape[:-2])), "multiplies")
        return Spec((*heads.shape, a.shape[-2], b.shape[-1]))

    def cost(self, *inputs: Spec) -> Cost:
        products = self.shape(*inputs).size * inputs[0].shape[-1]
        return Cost(products, products)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def fields(self, *inputs: Spec) -> tuple[Field, ...]:
        a, b = inputs
        y, last = self.shape(a, b), a.rank - 1

        def routes(x: Spec, summed: int) -> Routes:
            same = (k != summed and x.shape[k] == y.shape[k] for k in range(x.rank))
            return Routes(tuple(Along(k) if each else None for k, each in enumerate(same)))

        return routes(a, last), routes(b, last - 1)

    def kept(self, *inputs: Spec) -> Saves:
        heads = self.shape(*inputs).shape[:-2]
        spread = [x for x in inputs if x.shape[:-2] != heads]
        copied = sum(prod((*heads, *x.shape[-2:])) for x in spread)
        whole = tuple(k for k, x in enumerate(inputs) if x not in spread)
        return Saves(inputs=whole, own=NUMBER * copied)

    def forward(self, call: Call) -> Array:
        a, b = call.inputs
        product: Array = a @ b
        return product

    def backward(self, call: Call, error: Array) -> Gradients:
        a, b = call.inputs
        by_a, by_b = error @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ error
        return Gradients((broadcast.summed(by_a, a), broadcast.summed(by_b, b)))

    def terms(self, call: Call, index: Index) -> list[Term]:
        *heads, i, j = index
        pairs = (((*heads, i, k), (*heads, k, j)) for k in range(call.x.shape[-1]))
        return [Term((_factor(call, 0, left), _factor(call, 1, right))) for left, right in pairs]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        a, b = call.inputs
        picture, *heads, row, column = ref.index
        own = call.inputs[int(ref.source)].shape[1:-2]
        wide = np.broadcast_shapes(a.shape[1:-2], b.shape[1:-2])
        found = []
        for head in broadcast.places(own, wide, tuple(heads)):
            if ref.source == 0:
                goals = (((row, j), (column, j)) for j in range(b.shape[-1]))
            else:
                goals = (((i, column), (i, row)) for i in range(a.shape[-2]))
            for goal, other in goals:
                factor = _factor(call, 1 - int(ref.source), (picture, *head, *other))
                found.append(Use((picture, *head, *goal), (factor,)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        *heads, i, j = map(str, index)
        head = "".join(f"{h}," for h in heads)
        return f"Σ {{0}}[{head}{i},k] · {{1}}[{head}k,{j}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        *heads, row, column = map(str, ref.index)
        head = "".join(f"{h}," for h in heads)
        if ref.source == 0:
            return f"Σ {{self}}[{head}{row},j].grad · {{1}}[{head}{column},j]"
        return f"Σ {{self}}[{head}i,{column}].grad · {{0}}[{head}i,{row}]"


def _factor(call: Call, branch: int, index: Index) -> Factor:
    at = broadcast.cell(call.inputs[branch], index)
    return Factor(call.inputs[branch][at].item(), refs=(Ref(branch, at),))
