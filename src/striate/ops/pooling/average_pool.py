"""AVGPOOL: the mean of each window.

    y[c,i,j] = (1/n) Σ_u Σ_v x[c, i·s + u·d - p, j·s + v·d - p]

n is the number of cells of the window, zero padding included (`include_padding`) or left out, or
a `divisor` for all windows. Cells beyond the padding, which a window meets when sizes are rounded
up (`ceil`), never count.

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
    Saves,
    Sizes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.saves import NUMBER
from striate.ops import checked, sliding
from striate.ops.arrays import Array
from striate.ops.pooling.settings import checked_pool, is_even, pool_windows


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
        divisor: what every sum is divided by (PyTorch's divisor_override); None for the number of
            cells. With it, `include_padding` decides nothing.
        dilation: steps from one cell of the window to the next.

    Shapes: (C, *spatial) -> (C, *sizes).
    """

    label: ClassVar[str] = "pool"

    kernel: Sizes = 2
    stride: Sizes | None = None
    padding: Padding = "valid"
    ceil: bool = False
    include_padding: bool = True
    divisor: int | None = None
    dilation: Sizes = 1

    def __post_init__(self) -> None:
        checked_pool(self)
        if self.divisor is not None:
            checked.count("divisor", self.divisor, 4)
            object.__setattr__(self, "include_padding", True)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def cost(self, *inputs: Spec) -> Cost:
        window = prod(w.kernel for w in self.field(*inputs))
        units = self.shape(*inputs).size
        return Cost(connections=units * window, other=units * window)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        return pool_windows(self, inputs[0])

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        axes = self.field(x)
        if any(w.dilation > 1 for w in axes):
            return Saves()
        plain = is_even(axes) and (self.divisor is None or len(axes) > 1)
        return Saves(inputs=plain, own=0 if plain else NUMBER * sliding.padded_size(x, axes))

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
        cells = self._divisor(axes, output, inputs[0].spatial)
        return f"1/{cells} · Σ {{0}}[{channel}, {sliding.tap_text(axes, output)}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijkl"[: len(ref.index) - 1])
        cells = self.divisor or prod(w.kernel for w in self.field(*inputs))
        some = f"1/{cells}" if self._is_even(*inputs) else "1/cells"
        return f"Σ {{self}}[{ref.index[0]},{places}].grad · {some}"

    def _counted(self, window: Window, output: int, size: int) -> int:
        """Cells of one axis that the mean divides by."""
        first, end = 0, size
        if self.include_padding:
            first, end = -window.before, size + window.after
        start = window.start(output)
        return sum(first <= start + u * window.dilation < end for u in range(window.kernel))

    def _divisor(self, axes: Sequence[Window], output: Sequence[int], sizes: Sequence[int]) -> int:
        """What the sum of one window is divided by."""
        if self.divisor is not None:
            return self.divisor
        return prod(self._counted(w, o, n) for w, o, n in zip(axes, output, sizes, strict=True))

    def _cells(self, axes: Sequence[Window], x: Array) -> Array:
        """What every sum is divided by, shaped as the output's spatial axes."""
        if self.divisor is not None:
            return np.array(self.divisor, dtype=x.dtype)
        cells: Array = np.ones((), dtype=x.dtype)
        for axis, (window, size) in enumerate(zip(axes, x.shape[2:], strict=True)):
            counts = [self._counted(window, o, size) for o in range(window.outputs(size))]
            later = [1] * (len(axes) - 1 - axis)
            cells = cells * np.array(counts, dtype=x.dtype).reshape(-1, *later)
        return cells

    def _share(self, call: Call, output: Sequence[int]) -> Factor:
        cells = self._divisor(self.field(Spec(call.x.shape[1:])), output, call.x.shape[2:])
        return Factor(1 / cells, f"1/{cells}")

    def _is_even(self, *inputs: Spec) -> bool:
        """Whether every window divides by the same number."""
        if self.divisor is not None:
            return True
        axes, sizes = self.field(*inputs), inputs[0].spatial
        return all(
            self._counted(w, o, n) == w.kernel
            for w, n in zip(axes, sizes, strict=True)
            for o in range(w.outputs(n))
        )
