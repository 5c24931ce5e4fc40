"""UNFOLD: every window of a map written as a column (im2col).

    y[(c·k + u)·l + v, i·W' + j] = x[c, i·s + u - p, j·s + v - p]

Nothing is computed: the gradient of a cell is the sum of the errors of the windows it lies in, what
Caffe calls col2im. A convolution is a matrix product with these columns.

Source: Chellapilla, Puri and Simard, "High Performance Convolutional Neural Networks for Document
Processing", 2006, section 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.arange(9.0).reshape(1, 1, 3, 3)
>>> Unfold(2).forward(Call((x,)))[0, :, 0].tolist()
[0.0, 1.0, 3.0, 4.0]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.graph import Padding, Reach, Sizes, Spec, Window
from striate.graph.window import checked_padding, checked_sizes, windows
from striate.ops import sliding
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Unfold(Rearrangement):
    """Args:
        kernel, stride, padding, dilation: of the windows, as in CONV.

    Shapes: (C, *spatial) -> (C · cells of a window, number of windows).
    """

    label: ClassVar[str] = "unfold"

    kernel: Sizes
    stride: Sizes = 1
    padding: Padding = "valid"
    dilation: Sizes = 1

    def __post_init__(self) -> None:
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, checked_sizes(name, getattr(self, name)))
        object.__setattr__(self, "padding", checked_padding(self.padding))

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        axes = self.windows(x)
        places = sliding.output_sizes(axes, x, "window")
        return Spec((x.channels * prod(w.kernel for w in axes), prod(places)))

    def windows(self, x: Spec) -> tuple[Window, ...]:
        """The window along each spatial axis."""
        return windows(len(x.spatial), self.kernel, self.stride, self.padding, self.dilation)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.UNEVEN

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,), axes = arrays, self.windows(specs[0])
        sides = [(w.before, w.overhang(n)) for w, n in zip(axes, x.shape[2:], strict=True)]
        x = np.pad(x, [(0, 0), (0, 0), *sides], constant_values=constant)
        for k, w in enumerate(axes):
            starts = np.arange(w.outputs(specs[0].spatial[k])) * w.stride
            taps = starts[:, None] + np.arange(w.kernel) * w.dilation
            x = np.take(x, taps, axis=2 + 2 * k)  # …, place, tap, …
        rank = len(axes)
        order = [0, 1, *(3 + 2 * k for k in range(rank)), *(2 + 2 * k for k in range(rank))]
        x = x.transpose(order)
        rows = prod(x.shape[1 : 2 + rank])
        return x.reshape(len(x), rows, -1)
