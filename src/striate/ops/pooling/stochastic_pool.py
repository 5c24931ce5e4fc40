"""STOCHASTICPOOL: while training, one cell of each window, drawn by its strength.

    p[k] = a[k] / Σ_m a[m]        a = max(0, x) over the cells of a window

While training y = x[l], with l drawn by p; otherwise y = Σ p[k] · a[k], the mean that the draw
has. Numbers below zero are never drawn (the paper has a rectifier in front); a window without a
positive number gives 0. Like max-pooling it keeps strong cells, but not always the same one, and
so it overfits less.

The gradient: while training the error goes to the drawn cell, whole. Otherwise, with S = Σ a,

    ∂y/∂x[k] = (2·a[k] - y) / S for x[k] > 0, else 0.

Source: Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional Neural
Networks", ICLR 2013, arXiv:1301.3557, equations 4-6.

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.array([[[1.0, 3.0]]])
>>> StochasticPool(2).forward(Call((x,))).tolist()
[[[2.5]]]
>>> draw = np.array([[[0.2]]])  # the first cell has the first quarter of all draws
>>> StochasticPool(2).forward(Call((x,), training=True, noise=draw)).tolist()
[[[1.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
from striate.graph import (
    OUTPUT,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Saves,
    Sizes,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.saves import INDEX, NUMBER
from striate.graph.window import checked_sizes, windows
from striate.ops import sliding
from striate.ops.arrays import Array
from striate.ops.pooling.settings import needs_maps


@final
@dataclass(frozen=True)
class StochasticPool(Operator):
    """Pooling by chance; windows may overlap.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).

    Shapes: (C, *spatial) -> (C, *sizes). The noise of a training call is a number from 0 up to
    below 1 for each output.
    """

    label: ClassVar[str] = "pool"
    is_random: ClassVar[bool] = True

    kernel: Sizes = 2
    stride: Sizes | None = None

    def __post_init__(self) -> None:
        kernel = checked_sizes("kernel", self.kernel)
        stride = None if self.stride is None else checked_sizes("stride", self.stride)
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "stride", None if stride == kernel else stride)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def cost(self, *inputs: Spec) -> Cost:
        cells = self.shape(*inputs).size * prod(w.kernel for w in self.field(*inputs))
        return Cost(connections=cells, other=3 * cells)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        needs_maps(inputs[0])
        stride = self.kernel if self.stride is None else self.stride
        return windows(len(inputs[0].spatial), self.kernel, stride)

    def kept(self, *inputs: Spec) -> Saves:
        (x,) = inputs
        kernel = [w.kernel for w in self.field(x)]
        in_place = sum(k > 1 for k in kernel) < 2 or tuple(kernel[1:]) == x.spatial[1:]
        cells = 0 if in_place else NUMBER * prod(kernel)
        return Saves(own=NUMBER * x.size, each=INDEX + cells)

    def draw(self, generator: np.random.Generator, *inputs: Array) -> Array:
        (x,) = inputs
        shape = (len(x), *self.shape(Spec(x.shape[1:])).shape)
        return generator.random(shape).astype(x.dtype)

    def forward(self, call: Call) -> Array:
        _, strength, total = self._cells(call.x)
        if call.training:
            drawn = self._drawn(call)[..., None]
            return np.take_along_axis(strength, drawn, axis=-1)[..., 0]
        return (strength**2).sum(axis=-1) / np.where(total > 0, total, 1)

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        cells, strength, total = self._cells(call.x)
        if call.training:
            slopes = np.zeros_like(cells)
            np.put_along_axis(slopes, self._drawn(call)[..., None], 1, axis=-1)
        else:
            slopes = (2 * strength - call.y[..., None]) / np.where(total > 0, total, 1)[..., None]
        parts = error[..., None] * np.where(cells > 0, slopes, 0)
        parts = parts.reshape(*error.shape, *(w.kernel for w in axes))
        return Gradients((sliding.scattered(parts, axes, call.x),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        if call.training:
            drawn = self._drawn_cell(call, index)
            return [Term((_positive(call, drawn),))]
        cells = self._window(call, index)
        total = sum(_positive(call, cell).value for cell in cells)
        found = []
        for cell in cells:
            strength = _positive(call, cell)
            share = strength.value / total if total else 0.0
            label = f"{strength.label}/{total:g}"
            found.append(Term((strength, Factor(share, label, strength.refs))))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, c, *position = ref.index
        if call.x[ref.index] <= 0:
            return []
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for output, _ in sliding.outputs_of(axes, position, call.x.shape[2:]):
            index = (picture, c, *output)
            found.append(Use(index, (self._slope(call, ref, index),)))
        return found

    def _slope(self, call: Call, ref: Ref, index: Index) -> Factor:
        if call.training:
            drawn = self._drawn_cell(call, index) == ref.index
            return Factor(float(drawn), "1 (drawn)" if drawn else "0 (not drawn)")
        total = sum(max(0.0, float(call.x[cell])) for cell in self._window(call, index))
        slope = (2 * float(call.x[ref.index]) - float(call.y[index])) / total
        return Factor(slope, f"((2·{{0}} - {{1}})/{total:g})", (ref, Ref(OUTPUT, index)))

    def formula(self, index: Index, *inputs: Spec) -> str:
        channel, *output = index
        cell = f"{{0}}[{channel}, {sliding.tap_text(self.field(*inputs), output)}]"
        return f"Σ max(0, {cell})² / Σ max(0, {cell}) (while training one cell, drawn)"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join((str(ref.index[0]), *"ijkl"[: len(ref.index) - 1]))
        cell = f"{{0}}[{','.join(map(str, ref.index))}]"
        slope = f"(2·{cell} - {{self}}[{places}]) / (sum of its window)"
        return f"Σ {{self}}[{places}].grad · {slope} (while training [{cell} is drawn])"

    def _cells(self, x: Array) -> tuple[Array, Array, Array]:
        """Windows with their cells on one axis, the cells above zero, and the sums of those."""
        axes = self.field(Spec(x.shape[1:]))
        seen = sliding.views(x, axes)
        cells = seen.reshape(*seen.shape[: 2 + len(axes)], -1)
        strength = np.maximum(cells, 0)
        return cells, strength, strength.sum(axis=-1)

    def _drawn(self, call: Call) -> Array:
        """Which cell of each window is drawn: the first whose share of the sum is not passed."""
        if call.noise is None:
            raise SettingError(
                "stochastic pooling has no draw",
                remedy="Draw one (operator.draw), or switch training off.",
            )
        _, strength, total = self._cells(call.x)
        passed = np.cumsum(strength, axis=-1) <= (call.noise * total)[..., None]
        return np.minimum(passed.sum(axis=-1), strength.shape[-1] - 1)

    def _window(self, call: Call, index: Index) -> list[Index]:
        picture, c, *output = index
        axes = self.field(Spec(call.x.shape[1:]))
        taps = sliding.taps_of(axes, output, call.x.shape[2:])
        return [(picture, c, *position) for _, position in taps]

    def _drawn_cell(self, call: Call, index: Index) -> Index:
        return self._window(call, index)[int(self._drawn(call)[index])]


def _positive(call: Call, cell: Index) -> Factor:
    return Factor(max(0.0, float(call.x[cell])), "max(0, {0})", (Ref(0, cell),))
