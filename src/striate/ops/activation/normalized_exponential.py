"""What SOFTMAX and LOGSOFTMAX share: scores along one axis, compared by their exponentials.

Adding a number to all scores of the axis changes nothing, so the largest is taken away first: no
exponential overflows. With s[k] = exp(x[k]) / Σ_m exp(x[m]), the share of a score, both gradients
hold

    [k = c] - s[c]

which every score's move does to every output along the axis. A score that a mask hides counts as
-∞: its exponential is 0.
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

    def visible(self, call: Call) -> Array | None:
        """Where a score is compared, shaped as the scores; None where every one is."""
        return None

    def check(self, *inputs: Spec) -> None:
        """Refuse what does not fit the scores.

        Raises:
            ShapeError: it does not.
        """

    @final
    def shape(self, *inputs: Spec) -> Spec:
        inputs[0].axis(self.axis)
        self.check(*inputs)
        return inputs[0]

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    @final
    def field(self, *inputs: Spec) -> Routes:
        x = inputs[0]
        axis = x.axis(self.axis)
        return Routes.straight(x.rank, {axis: None})

    @final
    def forward(self, call: Call) -> Array:
        axis, seen = self._dim(call), self.visible(call)
        x = call.x if seen is None else np.where(seen, call.x, -np.inf)
        top = x.max(axis=axis, keepdims=True)
        return self.compared(x - np.where(top == -np.inf, 0, top), axis)

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        masks = (np.zeros_like(each) for each in call.inputs[1:])
        return Gradients((self.slope(call, error, self._dim(call)), *masks))

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source != 0:
            return []
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
        """The largest score x[m] that is compared on a line, Σ exp(x[m] - max), and these scores
        as they are written and referred to."""
        seen = self.visible(call)
        cells = [cell for cell in self.line(call, index) if seen is None or seen[cell]]
        scores = np.array([call.x[cell] for cell in cells])
        names = "{0}" if len(cells) == 1 else f"{{0}} … {{{len(cells) - 1}}}"
        summed = np.exp(scores - scores.max()).sum().item()
        return scores.max().item(), summed, names, tuple(Ref(0, cell) for cell in cells)

    def written(self, letter: str, index: Index, x: Spec, *masks: Spec) -> str:
        """An index without the batch as it is written, with a letter for the axis."""
        return ",".join(axes.replaced(tuple(map(str, index)), x.axis(self.axis), letter))

    def _dim(self, call: Call) -> int:
        """The axis of the arrays, which have the batch first."""
        return call.specs[0].axis(self.axis) + 1


def _output(call: Call, index: Index) -> Factor:
    return Factor(call.y[index].item(), refs=(Ref(OUTPUT, index),))
