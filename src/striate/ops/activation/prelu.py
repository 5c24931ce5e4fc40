"""PRELU: positive numbers pass, negative ones are multiplied by a slope that is learned.

    y = x for x > 0, else a · x        y' = 1 for x > 0, else a

with one slope a for all units (`shared`), one a[c] for each channel, or an array of slopes that is
spread over the input (`size`). It starts at 0.25. The gradient of a slope gathers what all its
negative units would have wanted:

    ∂L/∂a = Σ e · x over the units with x <= 0 that share it

At the corner x = 0 the derivative is the slope, as in PyTorch.

Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", ICCV 2015, arXiv:1502.01852,
equations 1-3 (channel-wise and channel-shared); "Open Neural Network Exchange, Operators", PRelu,
for slopes of any shape.

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
    Saves,
    Spec,
    Term,
    Use,
    Weight,
)
from striate.graph.saves import MASK
from striate.ops import broadcast
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class PReLU(Operator):
    """The rectifier with a trained slope on its left side.

    Args:
        shared: whether all channels have one slope, or each its own.
        size: the shape of the slopes, each axis as long as the input's, or 1. Without it there is
            one slope, or one per channel.

    Shape: any, unchanged; weight (1,), (channels,) or `size`.
    """

    label: ClassVar[str] = "prelu"
    bends: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True

    shared: bool = True
    size: tuple[int, ...] | None = None

    def shape(self, *inputs: Spec) -> Spec:
        self._spread(inputs[0])
        return inputs[0]

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        (x,) = inputs
        size = self._spread(x)
        return {"weight": Weight(size[:1] if self.size is None else size, 1, 1, "slope")}

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=2 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, each=0 if self.size is None else MASK)

    def forward(self, call: Call) -> Array:
        return np.where(call.x > 0, call.x, self._slopes(call) * call.x)

    def backward(self, call: Call, error: Array) -> Gradients:
        slopes = self._slopes(call)
        wanted = broadcast.summed(error * np.minimum(call.x, 0), slopes[None]).sum(axis=0)
        back = error * np.where(call.x > 0, 1, slopes)
        return Gradients((back,), {"weight": wanted.reshape(call.weights["weight"].shape)})

    def terms(self, call: Call, index: Index) -> list[Term]:
        own = Factor(call.x[index].item(), refs=(Ref(0, index),))
        return [Term((own, *self._slope(call, index)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == "weight":
            return [
                Use(cell, (Factor(call.x[cell].item(), refs=(Ref(0, cell),)),))
                for cell in self._cells(call, ref.index)
                if call.x[cell] < 0
            ]
        return [Use(ref.index, self._slope(call, ref.index) or (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        at = ",".join(map(str, self._at(inputs[0], index)))
        return f"max(0, {{0}}[{place}]) + weight[{at}] · min(0, {{0}}[{place}])"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        if ref.source == "weight":
            spread = zip("cijkl", self._spread(inputs[0]), strict=False)
            fixed = [*ref.index, *[0] * inputs[0].rank]
            places = ",".join(x if n == 1 else str(fixed[k]) for k, (x, n) in enumerate(spread))
            return f"Σ {{self}}[{places}].grad · min(0, {{0}}[{places}])"
        place = ",".join(map(str, ref.index))
        slope = f"{{self}}.weight[{','.join(map(str, self._at(inputs[0], ref.index)))}]"
        return f"{{self}}[{place}].grad · (1 if {{0}}[{place}] > 0, else {slope})"

    def _spread(self, x: Spec) -> tuple[int, ...]:
        """The shape of the slopes, with as many axes as the input.

        Raises:
            ShapeError: it does not fit the input.
        """
        if self.size is None:
            return (1 if self.shared else x.channels, *[1] * (x.rank - 1))
        return broadcast.fitted(self.size, x)

    def _slopes(self, call: Call) -> Array:
        return call.weights["weight"].reshape(self._spread(call.specs[0]))

    def _at(self, x: Spec, place: Index) -> Index:
        """The index of the slope of one unit."""
        at = tuple(0 if n == 1 else i for i, n in zip(place, self._spread(x), strict=True))
        return at[:1] if self.size is None else at

    def _slope(self, call: Call, cell: Index) -> tuple[Factor, ...]:
        """What a negative unit is multiplied by; nothing for a positive one."""
        if call.x[cell] > 0:
            return ()
        at = self._at(call.specs[0], cell[1:])
        return (Factor(call.weights["weight"][at].item(), refs=(Ref("weight", at),)),)

    def _cells(self, call: Call, at: Index) -> list[Index]:
        """All units that share a slope."""
        spread = self._spread(call.specs[0])
        whole = (*at, *[0] * (len(spread) - len(at)))
        goals = broadcast.places(spread, call.x.shape[1:], whole)
        return [(n, *goal) for goal in goals for n in range(len(call.x))]
