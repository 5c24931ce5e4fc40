"""What poolings share that are told their output size instead of their window.

Of n cells along an axis and m outputs, output o sees the cells

    ⌊o·n/m⌋ … ⌈(o+1)·n/m⌉ - 1

so that all cells are seen and the windows are as alike as they can be. Where m divides n they lie
side by side; elsewhere some overlap, and they can differ in size by one.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from itertools import pairwise, product
from math import prod
from typing import Any, ClassVar, final

import numpy as np

from striate.graph import (
    Call,
    Cost,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Sizes,
    Spec,
    Use,
    Window,
)
from striate.graph.window import checked_sizes, spread
from striate.ops.arrays import Array
from striate.ops.pooling.settings import needs_maps


@dataclass(frozen=True)
class Adaptive(Operator):
    """Pooling to a given size; a subclass says what becomes of one window."""

    label: ClassVar[str] = "pool"

    size: Sizes = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", checked_sizes("size", self.size))

    @abstractmethod
    def pooled(self, windows: Array) -> Array:
        """One number a window, from (pictures, channels, cells)."""

    @abstractmethod
    def spread_back(self, windows: Array, error: Array) -> Array:
        """The gradient of the cells, from that of the number: (pictures, channels)."""

    @abstractmethod
    def use(self, call: Call, cell: Index, output: Index) -> Use:
        """How one cell goes into one output that sees it."""

    @final
    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        needs_maps(x)
        return Spec((x.channels, *spread("size", self.size, len(x.spatial))))

    @final
    def cost(self, *inputs: Spec) -> Cost:
        (x,) = inputs
        taps = x.channels * prod(sum(map(len, axis)) for axis in self.spans(x.spatial))
        return Cost(connections=taps, other=taps)

    @final
    def field(self, *inputs: Spec) -> tuple[Window, ...] | Reach:
        self.shape(*inputs)
        axes = [_window(axis) for axis in self.spans(inputs[0].spatial)]
        even = tuple(window for window in axes if window is not None)
        return even if len(even) == len(axes) else Reach.UNEVEN

    @final
    def forward(self, call: Call) -> Array:
        outputs = self.shape(Spec(call.x.shape[1:])).shape
        y = np.empty((len(call.x), *outputs), dtype=call.x.dtype)
        for place in np.ndindex(*outputs[1:]):
            y[(..., *place)] = self.pooled(self._seen(call.x, place))
        return y

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        gradient = np.zeros_like(call.x)
        for place in np.ndindex(*error.shape[2:]):
            seen = gradient[self._slices(call.x, place)]
            back = self.spread_back(self._seen(call.x, place), error[(..., *place)])
            seen += back.reshape(seen.shape)
        return Gradients((gradient,))

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *position = ref.index
        axes = self.spans(call.x.shape[2:])
        seeing = [
            [o for o, span in enumerate(axis) if p in span]
            for axis, p in zip(axes, position, strict=True)
        ]
        outputs = product(*seeing)
        return [self.use(call, ref.index, (picture, channel, *output)) for output in outputs]

    def spans(self, spatial: tuple[int, ...]) -> list[list[range]]:
        """For each axis the cells that each output sees."""
        return [
            [range(o * n // m, -(-(o + 1) * n // m)) for o in range(m)]
            for n, m in zip(spatial, spread("size", self.size, len(spatial)), strict=True)
        ]

    def cells(self, index: Index, spatial: tuple[int, ...]) -> list[Index]:
        """The cells that one output sees, in reading order."""
        head, place = index[: -len(spatial)], index[-len(spatial) :]
        spans = (axis[o] for axis, o in zip(self.spans(spatial), place, strict=True))
        return [(*head, *cell) for cell in product(*spans)]

    def window_text(self, index: Index, *inputs: Spec) -> str:
        """Where the window of an output (without batch) lies: 2…4, 0…3."""
        axes = zip(self.spans(inputs[0].spatial), index[1:], strict=True)
        spans = [axis[o] for axis, o in axes]
        return ", ".join(f"{span.start}…{span.stop - 1}" for span in spans)

    def _slices(self, x: Array, place: Index) -> tuple[Any, ...]:
        """Where the window of an output lies in `x`, pictures and channels included."""
        axes = zip(self.spans(x.shape[2:]), place, strict=True)
        return (..., *(slice(axis[o].start, axis[o].stop) for axis, o in axes))

    def _seen(self, x: Array, place: Index) -> Array:
        return x[self._slices(x, place)].reshape(*x.shape[:2], -1)


def _window(spans: list[range]) -> Window | None:
    """The one window that slides along an axis, if there is one."""
    kernels = {len(span) for span in spans}
    steps = {after.start - before.start for before, after in pairwise(spans)}
    if len(kernels) > 1 or len(steps) > 1 or 0 in steps:
        return None
    (kernel,) = kernels
    return Window(kernel, stride=min(steps, default=kernel))
