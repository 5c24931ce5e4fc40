"""What SOFTMAX and LOGSOFTMAX share: scores along one axis, compared by their exponentials.

Adding a number to all scores of the axis changes nothing, so the largest is taken away first: no
exponential overflows. With s[k] = exp(x[k]) / Σ_m exp(x[m]), the share of a score, both gradients
hold

    [k = c] - s[c]

which every score's move does to every output along the axis.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
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
    Ref,
    Routes,
    Saves,
    Spec,
    Use,
)
from striate.ops import axes
from striate.ops.arrays import Array


@dataclass(frozen=True)
class NormalizedExponential(Operator):
    """Args:
        axis: its name or number, the channels unless it is given.

    Shape: any, unchanged.
    """

    saves: ClassVar[Saves] = Saves(output=True)

    axis: str | int = "channel"

    @abstractmethod
    def compared(self, lowered: Array, axis: int) -> Array:
        """The output, from scores of which the largest along the axis (batch counted) is 0."""

    @abstractmethod
    def slope(self, call: Call, error: Array, axis: int) -> Array:
        """The gradient of the input; the batch is axis 0."""

    @abstractmethod
    def derivative(self, output: Factor, share: Factor, own: bool) -> tuple[Factor, ...]:
        """The derivative of one output.

        Args:
            output: that output.
            share: the output at the place of the score that moves.
            own: whether they are the same.
        """

    @final
    def shape(self, *inputs: Spec) -> Spec:
        inputs[0].axis(self.axis)
        return inputs[0]

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    @final
    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        axis = x.axis(self.axis)
        return Routes.straight(x.rank, {axis: None})

    @final
    def forward(self, call: Call) -> Array:
        axis = self._dim(call)
        return self.compared(call.x - call.x.max(axis=axis, keepdims=True), axis)

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((self.slope(call, error, self._dim(call)),))

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        share = _output(call, ref.index)
        return [
            Use(cell, self.derivative(_output(call, cell), share, cell == ref.index))
            for cell in self.line(call, ref.index)
        ]

    def line(self, call: Call, index: Index) -> list[Index]:
        """The cells along the axis through one of them; the batch is axis 0."""
        axis = self._dim(call)
        return axes.line(index, axis, call.x.shape[axis])

    def total(self, call: Call, index: Index) -> tuple[float, float, str, tuple[Ref, ...]]:
        """The largest score x[m] of a line, Σ exp(x[m] - max), and the scores as they are written
        and referred to."""
        cells = self.line(call, index)
        scores = np.array([call.x[cell] for cell in cells])
        names = "{0}" if len(cells) == 1 else f"{{0}} … {{{len(cells) - 1}}}"
        summed = np.exp(scores - scores.max()).sum().item()
        return scores.max().item(), summed, names, tuple(Ref(0, cell) for cell in cells)

    def written(self, letter: str, index: Index, x: Spec) -> str:
        """An index without the batch as it is written, with a letter for the axis."""
        return ",".join(axes.replaced(tuple(map(str, index)), x.axis(self.axis), letter))

    def _dim(self, call: Call) -> int:
        """The axis of the arrays, which have the batch first."""
        return call.specs[0].axis(self.axis) + 1


def _output(call: Call, index: Index) -> Factor:
    return Factor(call.y[index].item(), refs=(Ref(OUTPUT, index),))
