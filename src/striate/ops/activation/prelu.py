"""PRELU: positive numbers pass, negative ones are multiplied by a slope that is learned.

    y = x for x > 0, else a · x        y' = 1 for x > 0, else a

with one slope a for all units (`shared`) or one a[c] for each channel. It starts at 0.25. The
gradient of a slope gathers what all its negative units would have wanted:

    ∂L/∂a = Σ e · x over the units with x <= 0 that share it

At the corner x = 0 the derivative is the slope, as in PyTorch.

Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, arXiv:1502.01852,
equations 1-3 (channel-wise and channel-shared).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[-2.0, -1.0, 3.0]]),), {"weight": np.array([0.25])})
>>> PReLU().forward(call).tolist()
[[-0.5, -0.25, 3.0]]
>>> PReLU().backward(call, np.array([[1.0, 10.0, 100.0]])).weights["weight"].tolist()
[-12.0]
"""

from __future__ import annotations

from collections.abc import Mapping
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
    Weight,
)
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class PReLU(Operator):
    """The rectifier with a trained slope on its left side.

    Args:
        shared: whether all channels have one slope, or each its own.

    Shape: any, unchanged; weight (1,) or (channels,).
    """

    label: ClassVar[str] = "prelu"
    bends: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True

    shared: bool = True

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        return {"weight": Weight((1 if self.shared else inputs[0].channels,), 1, 1, "slope")}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=2 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        return np.where(call.x > 0, call.x, _slopes(call) * call.x)

    def backward(self, call: Call, error: Array) -> Gradients:
        slope = np.where(call.x > 0, 1, _slopes(call))
        wanted = error * np.minimum(call.x, 0)
        axes = None if self.shared else (0, *range(2, error.ndim))
        return Gradients((error * slope,), {"weight": wanted.sum(axis=axes).reshape(-1)})

    def terms(self, call: Call, index: Index) -> list[Term]:
        own = Factor(call.x[index].item(), refs=(Ref(0, index),))
        return [Term((own, *self._slope(call, index)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == "weight":
            return [
                Use(cell, (Factor(call.x[cell].item(), refs=(Ref(0, cell),)),))
                for cell in self._cells(call.x, ref.index[0])
                if call.x[cell] < 0
            ]
        return [Use(ref.index, self._slope(call, ref.index) or (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return (
            f"max(0, {{0}}[{place}]) + weight[{self._channel(index[0])}] · min(0, {{0}}[{place}])"
        )

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        if ref.source == "weight":
            letters = "cijkl"[: inputs[0].rank]
            places = ",".join(letters if self.shared else (str(ref.index[0]), *letters[1:]))
            return f"Σ {{self}}[{places}].grad · min(0, {{0}}[{places}])"
        place = ",".join(map(str, ref.index))
        slope = f"{{self}}.weight[{self._channel(ref.index[0])}]"
        return f"{{self}}[{place}].grad · (1 if {{0}}[{place}] > 0, else {slope})"

    def _channel(self, channel: int) -> int:
        return 0 if self.shared else channel

    def _slope(self, call: Call, cell: Index) -> tuple[Factor, ...]:
        """What a negative unit is multiplied by; nothing for a positive one."""
        if call.x[cell] > 0:
            return ()
        c = self._channel(cell[1])
        return (Factor(call.weights["weight"][c].item(), refs=(Ref("weight", (c,)),)),)

    def _cells(self, x: Array, channel: int) -> list[Index]:
        """All units that share a slope."""
        return [c for c in np.ndindex(*x.shape) if self.shared or c[1] == channel]


def _slopes(call: Call) -> Array:
    """The slopes, shaped so that they meet the channels of the input."""
    return call.weights["weight"].reshape(-1, *[1] * (call.x.ndim - 2))
