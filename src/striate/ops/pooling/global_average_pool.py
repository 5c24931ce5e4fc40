"""GLOBALAVGPOOL: the mean of a whole map, one number per channel.

    y[c] = (1/n) Σ_i Σ_j x[c,i,j]

over all n positions, whatever their number: a network that ends so takes pictures of any size.
The gradient is spread evenly: ∂L/∂x[c,i,j] = e[c] / n.

Source: Lin, Chen and Yan, "Network in Network", ICLR 2014, arXiv:1312.4400, section 3.2.

>>> import numpy as np
>>> from striate.graph import Call
>>> GlobalAveragePool().forward(Call((np.arange(6.0).reshape(1, 1, 2, 3),))).tolist()
[[[[2.5]]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
    Window,
)
from striate.ops.arrays import Array
from striate.ops.sliding import LETTERS


@final
@dataclass(frozen=True)
class GlobalAveragePool(Operator):
    """The mean over all positions. Shapes: (C, *spatial) -> (C, 1, …), as many axes as before."""

    label: ClassVar[str] = "pool"
    saves: ClassVar[Saves] = Saves()

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank < 2:
            raise ShapeError(
                f"{{self}} pools maps, but its input is flat ({x} units)",
                remedy="Put global pooling before FLATTEN and FC.",
            )
        return Spec((x.channels, *[1] * len(x.spatial)))

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(connections=inputs[0].size, other=inputs[0].size)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return tuple(Window(size) for size in inputs[0].spatial)

    def forward(self, call: Call) -> Array:
        return call.x.mean(axis=tuple(range(2, call.x.ndim)), keepdims=True)

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((np.broadcast_to(error / prod(call.x.shape[2:]), call.x.shape),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        share = _share(call)
        cells = [(*index[:2], *place) for place in np.ndindex(*call.x.shape[2:])]
        return [Term((Factor(call.x[cell], refs=(Ref(0, cell),)), share)) for cell in cells]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *place = ref.index
        return [Use((picture, channel, *[0] * len(place)), (_share(call),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        letters = ",".join(LETTERS[: len(inputs[0].spatial)])
        return f"1/{prod(inputs[0].spatial)} · Σ {{0}}[{index[0]},{letters}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join([str(ref.index[0]), *["0"] * len(inputs[0].spatial)])
        return f"{{self}}[{place}].grad · 1/{prod(inputs[0].spatial)}"


def _share(call: Call) -> Factor:
    cells = prod(call.x.shape[2:])
    return Factor(1 / cells, f"1/{cells}")
