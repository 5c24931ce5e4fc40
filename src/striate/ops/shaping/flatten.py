"""FLATTEN: a map becomes a row of numbers, channel by channel, row by row.

    y[(c·H + i)·W + j] = x[c,i,j]

Nothing is computed: the gradient is the error, put back into the shape of the map.

>>> str(Flatten().shape(Spec((16, 5, 5))))
'400'
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


@final
@dataclass(frozen=True)
class Flatten(Operator):
    """Shapes: any -> (product of all,)."""

    label: ClassVar[str] = "flatten"
    only_moves: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        return Spec((inputs[0].size,))

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        return call.x.reshape(len(call.x), -1)

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error.reshape(call.x.shape),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cell = (index[0], *_place(index[1], call.x.shape[1:]))
        return [Term((Factor(call.x[cell], refs=(Ref(0, cell),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, *place = ref.index
        unit = int(np.ravel_multi_index(place, call.x.shape[1:]))
        return [Use((picture, unit), (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"{{0}}[{','.join(map(str, _place(index[0], inputs[0].shape)))}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"{{self}}[{int(np.ravel_multi_index(ref.index, inputs[0].shape))}].grad"


def _place(unit: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(n) for n in np.unravel_index(unit, shape))
