"""L2POOL: the length of each window, as of a vector.

    y[c,i,j] = √( Σ_u Σ_v x[c, i·s + u - p, j·s + v - p]² )

Between average and maximum: every cell counts, large ones most. The gradient is spread in
proportion: ∂y/∂x = x / y for the cells of the window; at y = 0, where the length has a corner,
it is taken as 0.

Source: Sermanet, Chintala and LeCun, "Convolutional Neural Networks Applied to House Numbers
Digit Classification", ICPR 2012, arXiv:1204.3968, section 2.2 (Lp pooling with p = 2).

>>> import numpy as np
>>> from striate.graph import Call
>>> L2Pool(2).forward(Call((np.array([[[[1.0, 2.0], [4.0, 2.0]]]]),))).tolist()
[[[[5.0]]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.graph import (
    OUTPUT,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Padding,
    Ref,
    Sizes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.ops import sliding
from striate.ops.arrays import Array
from striate.ops.pooling.settings import checked_pool, pool_windows


@final
@dataclass(frozen=True)
class L2Pool(Operator):
    """Pooling by the Euclidean norm; windows may overlap.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).
        padding: as for a convolution; smaller than the window.
        ceil: whether a window that hangs over the edge still counts.

    Shapes: (C, *spatial) -> (C, *sizes).
    """

    label: ClassVar[str] = "pool"

    kernel: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"
    ceil: bool = False

    def __post_init__(self) -> None:
        checked_pool(self)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def cost(self, *inputs: Spec) -> Cost:
        cells = self.shape(*inputs).size * prod(w.kernel for w in self.field(*inputs))
        return Cost(connections=cells, other=2 * cells)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return pool_windows(self, inputs[0])

    def forward(self, call: Call) -> Array:
        axes = self.field(Spec(call.x.shape[1:]))
        squares = sliding.views(call.x, axes) ** 2
        return np.sqrt(squares.sum(axis=tuple(range(-len(axes), 0))))

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        shares = np.divide(error, call.y, out=np.zeros_like(error), where=call.y > 0)
        parts = shares.reshape(*error.shape, *[1] * len(axes)) * sliding.views(call.x, axes)
        return Gradients((sliding.scattered(parts, axes, call.x),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, c, *output = index
        axes = self.field(Spec(call.x.shape[1:]))
        cells = [
            (picture, c, *place) for _, place in sliding.taps_of(axes, output, call.x.shape[2:])
        ]
        length = float(np.sqrt(sum(float(call.x[cell]) ** 2 for cell in cells)))
        squares = " + ".join(f"{{{place}}}²" for place in range(len(cells)))
        return [Term((Factor(length, f"√({squares})", tuple(Ref(0, cell) for cell in cells)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, c, *position = ref.index
        axes = self.field(Spec(call.x.shape[1:]))
        own = Factor(call.x[ref.index], refs=(ref,))
        found = []
        for output, _ in sliding.outputs_of(axes, position, call.x.shape[2:]):
            index = (picture, c, *output)
            if length := call.y[index].item():
                found.append(Use(index, (own, Factor(1 / length, "1/{0}", (Ref(OUTPUT, index),)))))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        channel, *output = index
        return f"√(Σ {{0}}[{channel}, {sliding.tap_text(self.field(*inputs), output)}]²)"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join((str(ref.index[0]), *"ijkl"[: len(ref.index) - 1]))
        cell = ",".join(map(str, ref.index))
        return f"Σ {{self}}[{places}].grad · {{0}}[{cell}] / {{self}}[{places}]"
