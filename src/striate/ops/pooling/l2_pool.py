"""L2POOL: the length of each window, as of a vector; or another of its norms.

    y[c,i,j] = ( Σ_u Σ_v |x[c, i·s + u·d - q, j·s + v·d - q]|ᵖ )^(1/p)        p = 2, padding q

Between average (p = 1) and maximum (p → ∞): every cell counts, large ones most. The gradient is
spread in proportion: ∂y/∂x = sign(x) · (|x| / y)^(p-1) for the cells of the window, which is x / y
for a length; at y = 0, where a norm has a corner, it is taken as 0.

`torch.nn.LPPool2d` takes the powers with their signs: where p is odd and numbers are negative it
has another value, or none. With `ceil` it scales the last windows up to full size.

Source: Sermanet, Chintala and LeCun, "Convolutional Neural Networks Applied to House Numbers
Digit Classification", ICPR 2012, arXiv:1204.3968, section 2.2; "Open Neural Network Exchange,
Operators", LpPool.

>>> import numpy as np
>>> from striate.graph import Call
>>> L2Pool(2).forward(Call((np.array([[[[1.0, 2.0], [4.0, 2.0]]]]),))).tolist()
[[[[5.0]]]]
>>> L2Pool(2, p=1.0).forward(Call((np.array([[[-1.0, 2.0]]]),))).tolist()
[[[3.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
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
    Saves,
    Sizes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.saves import MASK, NUMBER
from striate.ops import checked, sliding
from striate.ops.arrays import Array
from striate.ops.pooling.settings import checked_pool, pool_windows


@final
@dataclass(frozen=True)
class L2Pool(Operator):
    """Pooling by the Euclidean norm, or by another; windows may overlap.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).
        padding: as for a convolution; smaller than the window.
        ceil: whether a window that hangs over the edge still counts.
        p: the power of the norm, 1 or more.
        dilation: steps from one cell of the window to the next.

    Shapes: (C, *spatial) -> (C, *sizes).
    """

    label: ClassVar[str] = "pool"

    kernel: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"
    ceil: bool = False
    p: float = 2.0
    dilation: Sizes = 1

    def __post_init__(self) -> None:
        checked_pool(self)
        checked.finite("p", self.p, 2)
        if self.p < 1:
            raise SettingError(f"p is {self.p}", remedy="A norm has a power p of 1 or more.")

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def cost(self, *inputs: Spec) -> Cost:
        cells = self.shape(*inputs).size * prod(w.kernel for w in self.field(*inputs))
        return Cost(connections=cells, other=2 * cells)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return pool_windows(self, inputs[0])

    def kept(self, *inputs: Spec) -> Saves:
        around = sliding.padded_size(inputs[0], self.field(*inputs))
        return Saves(own=2 * NUMBER * around, each=NUMBER + MASK)

    def forward(self, call: Call) -> Array:
        axes = self.field(Spec(call.x.shape[1:]))
        powers = np.abs(sliding.views(call.x, axes)) ** self.p
        return powers.sum(axis=tuple(range(-len(axes), 0))) ** (1 / self.p)

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        each = (*error.shape, *[1] * len(axes))
        cells, whole = sliding.views(call.x, axes), call.y.reshape(each)
        shares = np.divide(np.abs(cells), whole, out=np.zeros_like(cells), where=whole > 0)
        parts = error.reshape(each) * np.sign(cells) * shares ** (self.p - 1)
        return Gradients((sliding.scattered(parts, axes, call.x),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, c, *output = index
        axes = self.field(Spec(call.x.shape[1:]))
        cells = [
            (picture, c, *place) for _, place in sliding.taps_of(axes, output, call.x.shape[2:])
        ]
        norm = sum(abs(float(call.x[cell])) ** self.p for cell in cells) ** (1 / self.p)
        label = self._norm(" + ".join(self._power(f"{{{k}}}") for k in range(len(cells))))
        return [Term((Factor(norm, label, tuple(Ref(0, cell) for cell in cells)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, c, *position = ref.index
        axes = self.field(Spec(call.x.shape[1:]))
        outputs = sliding.outputs_of(axes, position, call.x.shape[2:])
        goals = [(picture, c, *output) for output, _ in outputs]
        return [Use(goal, self._slope(call, ref, goal)) for goal in goals if call.y[goal] > 0]

    def formula(self, index: Index, *inputs: Spec) -> str:
        channel, *output = index
        taps = sliding.tap_text(self.field(*inputs), output)
        return self._norm(f"Σ {self._power(f'{{0}}[{channel}, {taps}]')}")

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join((str(ref.index[0]), *"ijkl"[: len(ref.index) - 1]))
        cell = ",".join(map(str, ref.index))
        x, y = f"{{0}}[{cell}]", f"{{self}}[{places}]"
        slope = f"{x} / {y}" if self.p == 2 else f"sign({x}) · (|{x}| / {y})^{self.p - 1:g}"
        return f"Σ {y}.grad · {slope}"

    def _slope(self, call: Call, ref: Ref, goal: Index) -> tuple[Factor, ...]:
        """The derivative of a norm, above 0, by one of its cells."""
        x, y, norm = call.x[ref.index].item(), call.y[goal].item(), Ref(OUTPUT, goal)
        if self.p == 2:
            return Factor(x, refs=(ref,)), Factor(1 / y, "1/{0}", (norm,))
        sign, share = Factor(float(np.sign(x)), "sign({0})", (ref,)), (abs(x) / y) ** (self.p - 1)
        return sign, Factor(share, f"(|{{0}}| / {{1}})^{self.p - 1:g}", (ref, norm))

    def _power(self, cell: str) -> str:
        return f"{cell}²" if self.p == 2 else f"|{cell}|^{self.p:g}"

    def _norm(self, powers: str) -> str:
        return f"√({powers})" if self.p == 2 else f"({powers})^(1/{self.p:g})"
