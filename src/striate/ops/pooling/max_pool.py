"""MAXPOOL: the largest number of each window.

    y[c,i,j] = max over (u,v) of x[c, i·s + u - p, j·s + v - p]

The gradient goes to the winner only: ∂L/∂x[c,a,b] is the sum of e[c,i,j] over the windows that
(a, b) won. Among equals the first in reading order wins, as in PyTorch. Padding never wins.

Source: Scherer, Müller and Behnke, "Evaluation of Pooling Operations in Convolutional
Architectures for Object Recognition", ICANN 2010, section 3.2.

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.array([[[[1.0, 2.0], [4.0, 3.0]]]])
>>> MaxPool(2).forward(Call((x,))).tolist()
[[[[4.0]]]]
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
    Padding,
    Ref,
    Saves,
    Sizes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.saves import INDEX, NUMBER
from striate.ops import sliding
from striate.ops.arrays import Array
from striate.ops.pooling.settings import checked_pool, is_even, pool_windows


@final
@dataclass(frozen=True)
class MaxPool(Operator):
    """Max-pooling; windows may overlap.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).
        padding, dilation: as for a convolution; padding is smaller than the window.
        ceil: whether a window that hangs over the edge still counts (Caffe's sizes).

    Shapes: (C, *spatial) -> (C, *sizes).
    """

    label: ClassVar[str] = "pool"

    kernel: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"
    dilation: Sizes = 1
    ceil: bool = False

    def __post_init__(self) -> None:
        checked_pool(self)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def cost(self, *inputs: Spec) -> Cost:
        window = int(np.prod([w.kernel for w in self.field(*inputs)]))
        units = self.shape(*inputs).size
        return Cost(connections=units * window, other=units * (window - 1))

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return pool_windows(self, inputs[0])

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        axes = self.field(x)
        if is_even(axes):
            return Saves(inputs=True, each=INDEX)
        return Saves(own=NUMBER * sliding.padded_size(x, axes), each=INDEX)

    def forward(self, call: Call) -> Array:
        windows, winners = self._winners(call.x)
        return np.take_along_axis(windows, winners[..., None], axis=-1)[..., 0]

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        windows, winners = self._winners(call.x)
        parts = np.zeros(windows.shape, dtype=error.dtype)
        np.put_along_axis(parts, winners[..., None], error[..., None], axis=-1)
        parts = parts.reshape(*error.shape, *(w.kernel for w in axes))
        return Gradients((sliding.scattered(parts, axes, call.x),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cell = self._winner(call.x, index)
        return [Term((Factor(call.x[cell], refs=(Ref(0, cell),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *position = ref.index
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for output, _ in sliding.outputs_of(axes, position, call.x.shape[2:]):
            index = (picture, channel, *output)
            won = self._winner(call.x, index) == ref.index
            label = "1 (the largest of its window)" if won else "0 (not the largest)"
            found.append(Use(index, (Factor(float(won), label),)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        channel, *output = index
        taps = sliding.tap_text(self.field(*inputs), output)
        letters = ",".join(sliding.LETTERS[: len(output)])
        return f"max over {letters} of {{0}}[{channel}, {taps}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijkl"[: len(ref.index) - 1])
        cell = ",".join(map(str, ref.index))
        return f"Σ {{self}}[{ref.index[0]},{places}].grad · [{{0}}[{cell}] is the largest]"

    def _winners(self, x: Array) -> tuple[Array, Array]:
        """Windows with their cells on one axis, and which cell is the largest."""
        axes = self.field(Spec(x.shape[1:]))
        seen = sliding.views(x, axes, fill=-np.inf)
        windows = seen.reshape(*seen.shape[: 2 + len(axes)], -1)
        return windows, windows.argmax(axis=-1)

    def _winner(self, x: Array, index: Index) -> Index:
        picture, channel, *output = index
        axes = self.field(Spec(x.shape[1:]))
        cells = [
            (picture, channel, *position)
            for _, position in sliding.taps_of(axes, output, x.shape[2:])
        ]
        return max(cells, key=lambda cell: x[cell])
