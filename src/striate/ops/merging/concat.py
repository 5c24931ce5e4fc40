"""CONCAT: branches stacked, channels behind channels.

    y = (x_0, x_1, …)        y[k + c, i, j] = x_b[c,i,j]

with k the channels of the branches before b. Nothing is computed: the gradient of a branch is
its slice of the error.

Source: Szegedy et al., "Going Deeper with Convolutions", CVPR 2015, arXiv:1409.4842, figure 2
(filter concatenation).

>>> import numpy as np
>>> from striate.graph import Call
>>> Concat().forward(Call((np.array([[1.0, 2.0]]), np.array([[3.0]])))).tolist()
[[1.0, 2.0, 3.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
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
    Reach,
    Ref,
    Spec,
    Term,
    Use,
)
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Concat(Operator):
    """Branches along the channels. Shapes: (C_b, *spatial) … -> (Σ C_b, *spatial)."""

    label: ClassVar[str] = "concat"
    arity: ClassVar[tuple[int, int | None]] = (2, None)
    only_moves: ClassVar[bool] = True

    def shape(self, *inputs: Spec) -> Spec:
        if len({(x.rank, x.spatial) for x in inputs}) > 1:
            raise ShapeError(
                f"{{self}} stacks maps of one height and width, but its inputs are "
                f"{' and '.join(map(str, inputs))}",
                remedy="Give the branches equal strides, and padding that keeps sizes (same).",
            )
        return Spec((sum(x.channels for x in inputs), *inputs[0].spatial))

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        return np.concatenate(call.inputs, axis=1)

    def backward(self, call: Call, error: Array) -> Gradients:
        starts = _starts([x.shape[1] for x in call.inputs])
        return Gradients(tuple(np.split(error, starts[1:], axis=1)))

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, channel, *place = index
        branch, c = _branch([x.shape[1] for x in call.inputs], channel)
        cell = (picture, c, *place)
        return [Term((Factor(call.inputs[branch][cell], refs=(Ref(branch, cell),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *place = ref.index
        start = _starts([x.shape[1] for x in call.inputs])[int(ref.source)]
        return [Use((picture, start + channel, *place), (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        branch, c = _branch([x.channels for x in inputs], index[0])
        return f"{{{branch}}}[{','.join(map(str, (c, *index[1:])))}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        start = _starts([x.channels for x in inputs])[int(ref.source)]
        return f"{{self}}[{','.join(map(str, (start + ref.index[0], *ref.index[1:])))}].grad"


def _starts(channels: Sequence[int]) -> list[int]:
    """The first output channel of each branch."""
    return [0, *accumulate(channels[:-1])]


def _branch(channels: Sequence[int], channel: int) -> tuple[int, int]:
    """Which branch an output channel comes from, and its number there."""
    for branch, count in enumerate(channels):
        if channel < count:
            return branch, channel
        channel -= count
    raise IndexError(channel)
