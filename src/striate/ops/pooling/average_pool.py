"""AVGPOOL: the mean of each window.

    y[c,i,j] = (1/n) Σ_u Σ_v x[c, i·s + u - p, j·s + v - p]

n is the number of cells of the window, zero padding included (`include_padding`) or left out.
Cells beyond the padding, which a window meets when sizes are rounded up (`ceil`), never count.

The gradient is spread evenly: ∂L/∂x[c,a,b] = Σ e[c,i,j] / n over the windows that hold (a, b).
Without overlap this is the Kronecker product of the error with a window full of 1/n.

Source: LeCun et al., "Handwritten Digit Recognition with a Back-Propagation Network", NIPS 1989
(averaging and subsampling layers); Bouvrie, "Notes on Convolutional Neural Networks", 2006,
section 3.2, for the Kronecker product.

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.array([[[[1.0, 2.0], [4.0, 3.0]]]])
>>> AveragePool(2).forward(Call((x,))).tolist()
[[[[2.5]]]]

A window of one cell and three zeros of padding divides by four, or by one:

>>> for include in (True, False):
...     pool = AveragePool(2, stride=3, padding=1, include_padding=include)
...     pool.forward(Call((x,)))[0, 0, 0].tolist()
[0.25]
[1.0]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
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
class AveragePool(Operator):
    """Average pooling; windows may overlap.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).
        padding: as for a convolution; smaller than the window.
        ceil: whether a window that hangs over the edge still counts (Caffe's sizes).
        include_padding: whether zero padding counts as cells (PyTorch's count_include_pad).

    Shapes: (C, *spatial) -> (C, *sizes).
    """

    label: ClassVar[str] = "pool"

    kernel: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"
    ceil: bool = False
    include_padding: bool = True

    def __post_init__(self) -> None:
        checked_pool(self)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def cost(self, *inputs: Spec) -> Cost:
        window = prod(w.kernel for w in self.field(*inputs))
        units = self.shape(*inputs).size
        return Cost(connections=units * window, other=units * window)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return pool_windows(self, inputs[0])

    def forward(self, call: Call) -> Array:
        axes = self.field(Spec(call.x.shape[1:]))
        sums = sliding.views(call.x, axes).sum(axis=tuple(range(-len(axes), 0)))
        return sums / self._cells(axes, call.x)

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        shares = (error / self._cells(axes, call.x)).reshape(*error.shape, *[1] * len(axes))
        parts = np.broadcast_to(shares, (*error.shape, *(w.kernel for w in axes)))
        return Gradients((sliding.scattered(parts, axes, call.x),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, channel, *output = index
        axes = self.field(Spec(call.x.shape[1:]))
        share = self._share(call, output)
        cells = [
            (picture, channel, *position)
            for _, position in sliding.taps_of(axes, output, call.x.shape[2:])
        ]
        return [Term((Factor(call.x[cell], refs=(Ref(0, cell),)), share)) for cell in cells]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *position = ref.index
        axes = self.field(Spec(call.x.shape[1:]))
        return [
            Use((picture, channel, *output), (self._share(call, output),))
            for output, _ in sliding.outputs_of(axes, position, call.x.shape[2:])
        ]

    def formula(self, index: Index, *inputs: Spec) -> str:
        channel, *output = index
        axes = self.field(*inputs)
        cells = prod(
            self._counted(w, o, n) for w, o, n in zip(axes, output, inputs[0].spatial, strict=True)
        )
        return f"1/{cells} · Σ {{0}}[{channel}, {sliding.tap_text(axes, output)}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijkl"[: len(ref.index) - 1])
        cells = prod(w.kernel for w in self.field(*inputs))
        some = f"1/{cells}" if self._is_even(*inputs) else "1/cells"
        return f"Σ {{self}}[{ref.index[0]},{places}].grad · {some}"

    def _counted(self, window: Window, output: int, size: int) -> int:
        """Cells of one axis that the mean divides by."""
        start = window.start(output)
        if self.include_padding:
            return min(start + window.kernel, size + window.after) - start
        return min(start + window.kernel, size) - max(start, 0)

    def _cells(self, axes: Sequence[Window], x: Array) -> Array:
        """The number of cells of every window, shaped as the output's spatial axes."""
        cells: Array = np.ones((), dtype=x.dtype)
        for axis, (window, size) in enumerate(zip(axes, x.shape[2:], strict=True)):
            counts = [self._counted(window, o, size) for o in range(window.outputs(size))]
            later = [1] * (len(axes) - 1 - axis)
            cells = cells * np.array(counts, dtype=x.dtype).reshape(-1, *later)
        return cells

    def _share(self, call: Call, output: Sequence[int]) -> Factor:
        axes = self.field(Spec(call.x.shape[1:]))
        sizes = call.x.shape[2:]
        cells = prod(self._counted(w, o, n) for w, o, n in zip(axes, output, sizes, strict=True))
        return Factor(1 / cells, f"1/{cells}")

    def _is_even(self, *inputs: Spec) -> bool:
        """Whether every window divides by the same number."""
        axes, sizes = self.field(*inputs), inputs[0].spatial
        return all(
            self._counted(w, o, n) == w.kernel
            for w, n in zip(axes, sizes, strict=True)
            for o in range(w.outputs(n))
        )
