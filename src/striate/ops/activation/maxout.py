"""MAXOUT: of every few channels the largest number, so that the activation itself is learned.

    y[k,i,j] = max over m of x[k·p + m, i, j]        m = 0 … p - 1

p neighboring channels are the pieces of one unit: with a convolution or dense layer before it,
y is the largest of p learned linear functions, which can bend into any convex shape. ReLU is the
case of two pieces, one of them zero.

The gradient goes to the winner only; among equals the first wins.

Source: Goodfellow, Warde-Farley, Mirza, Courville and Bengio, "Maxout Networks", ICML 2013,
arXiv:1302.4389, section 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[1.0, 5.0, -2.0, -3.0]]),))
>>> Maxout(2).forward(call).tolist()
[[5.0, -2.0]]
>>> Maxout(2).backward(call, np.array([[10.0, 20.0]])).inputs[0].tolist()
[[0.0, 10.0, 20.0, 0.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Routes,
    Saves,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.saves import INDEX
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Maxout(Operator):
    """The largest of groups of neighboring channels or units.

    Args:
        pieces: channels a group; it divides the input's.

    Shape: (C, *spatial) -> (C / pieces, *spatial).
    """

    label: ClassVar[str] = "maxout"
    bends: ClassVar[bool] = True
    rectifies: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(each=INDEX)

    pieces: int = 2

    def __post_init__(self) -> None:
        checked.count("pieces", self.pieces, 2)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.channels % self.pieces:
            whole = self.pieces * max(1, round(x.channels / self.pieces))
            raise ShapeError(
                f"the {x.channels} channels of {{self}} do not split into groups of {self.pieces}",
                remedy=f"Give the layer before it {whole} channels.",
            )
        return Spec((x.channels // self.pieces, *x.spatial))

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size - self.shape(*inputs).size)

    def field(self, *inputs: Spec) -> Routes:
        group = Along(0, Window(self.pieces, stride=self.pieces))
        return Routes((group, *map(Along, range(1, inputs[0].rank))))

    def forward(self, call: Call) -> Array:
        return self._grouped(call.x).max(axis=2)

    def backward(self, call: Call, error: Array) -> Gradients:
        grouped = self._grouped(call.x)
        winners = grouped.argmax(axis=2, keepdims=True)
        parts = np.zeros_like(grouped)
        np.put_along_axis(parts, winners, np.expand_dims(error, 2), axis=2)
        return Gradients((parts.reshape(call.x.shape),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cell = self._winner(call.x, index)
        return [Term((Factor(call.x[cell].item(), refs=(Ref(0, cell),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *place = ref.index
        index = (picture, channel // self.pieces, *place)
        won = self._winner(call.x, index) == ref.index
        label = "1 (the largest of its group)" if won else "0 (not the largest)"
        return [Use(index, (Factor(float(won), label),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        first = index[0] * self.pieces
        place = "".join(f",{each}" for each in index[1:])
        return f"max over m={first}…{first + self.pieces - 1} of {{0}}[m{place}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        unit = ",".join(map(str, (ref.index[0] // self.pieces, *ref.index[1:])))
        own = ",".join(map(str, ref.index))
        return f"{{self}}[{unit}].grad · [{{0}}[{own}] is the largest]"

    def _grouped(self, x: Array) -> Array:
        """The pieces of a unit on an axis of their own, behind the units."""
        return x.reshape(len(x), -1, self.pieces, *x.shape[2:])

    def _winner(self, x: Array, index: Index) -> Index:
        picture, unit, *place = index
        first = unit * self.pieces
        cells = [(picture, c, *place) for c in range(first, first + self.pieces)]
        return max(cells, key=lambda cell: x[cell])
