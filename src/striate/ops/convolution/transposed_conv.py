"""DECONV: every input cell stamps the kernel onto the output, times its own value.

    y[o, i·s + u·d - p] += Σ_c x[c,i] · weight[c,o,u]        for all i and u; then + bias[o]

with stride s, dilation d, and p cells cut off at the border, each axis its own (written for one
axis). It goes the way back of a convolution with the same kernel: forward here is what that one
does to its error, so that sizes grow by the stride.

The gradient, from the error e[o,a] = ∂L/∂y[o,a], therefore is a plain convolution:

* ∂L/∂x[c,i] = Σ_o Σ_u e[o, i·s + u·d - p] · weight[c,o,u]
* ∂L/∂weight[c,o,u] = Σ_i e[o, i·s + u·d - p] · x[c,i], and ∂L/∂bias[o] = Σ_a e[o,a]

Source: Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional Networks", CVPR 2010; Dumoulin and
Visin, "A Guide to Convolution Arithmetic for Deep Learning", arXiv:1603.07285, chapter 4.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.array([[[1.0, 2.0, 3.0]]]), "bias": np.zeros(1)}
>>> TransposedConv(1, 3, stride=2).forward(Call((np.array([[[1.0, 10.0]]]),), weights)).tolist()
[[[1.0, 2.0, 13.0, 20.0, 30.0]]]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Padding,
    Reach,
    Ref,
    Sizes,
    Spec,
    Term,
    Use,
    Weight,
    Window,
)
from striate.graph.window import checked_padding, checked_sizes, spread, windows
from striate.ops import sliding
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class TransposedConv(Operator):
    """Transposed convolution over one or two spatial axes.

    Args:
        out_channels: number of maps.
        kernel: cells of the stamp, one number or one per axis.
        stride, dilation: steps between stamps and between their cells.
        padding: cells cut off the output: as a convolution would have padded there.
        output_padding: cells put behind the output, fewer than the stride: they tell apart the
            sizes that a strided convolution makes equal.
        groups: input and output channels are split into this many separate convolutions.
        bias: whether one number per map is added.

    Shapes: (C, *spatial) -> (out_channels, *sizes); weight (C, out_channels/groups, *kernel).
    """

    label: ClassVar[str] = "deconv"

    out_channels: int
    kernel: Sizes = 3
    stride: Sizes = 1
    padding: Padding = "valid"
    output_padding: Sizes = 0
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        checked_sizes("out_channels", self.out_channels)
        checked_sizes("groups", self.groups)
        for name, least in (("kernel", 1), ("stride", 1), ("dilation", 1), ("output_padding", 0)):
            value = checked_sizes(name, getattr(self, name), least=least)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "padding", checked_padding(self.padding))
        if self.out_channels % self.groups:
            raise SettingError(
                f"{self.out_channels} output channels do not split into {self.groups} groups",
                remedy=f"Choose a multiple of {self.groups}.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank < 2:
            raise ShapeError(
                f"{{self}} needs a map with channels, but its input is flat ({x} units)",
                remedy="Put DECONV before FLATTEN and FC.",
            )
        if x.channels % self.groups:
            raise ShapeError(
                f"{x.channels} input channels of {{self}} do not split into {self.groups} groups",
                remedy="groups must divide the input channels.",
            )
        behind = spread("output_padding", self.output_padding, len(x.spatial))
        axes = self._windows(x)
        if any(more >= w.stride for more, w in zip(behind, axes, strict=True)):
            raise SettingError(
                "the output padding of {self} is not smaller than its stride",
                remedy="It tells apart sizes that one stride makes equal: stride - 1 at most.",
            )
        sizes = [
            (n - 1) * w.stride + w.extent - w.before - w.after + more
            for n, w, more in zip(x.spatial, axes, behind, strict=True)
        ]
        if min(sizes) < 1:
            raise ShapeError(
                f"{{self}} cuts all of its output off a {x} input", remedy="Pad by less."
            )
        return Spec((self.out_channels, *sizes))

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        axes = self._windows(inputs[0])
        kernel = tuple(w.kernel for w in axes)
        out = self.out_channels // self.groups
        stamps = inputs[0].channels // self.groups * prod(kernel)
        fans = max(1, stamps // prod(w.stride for w in axes)), out * prod(kernel)
        found = {"weight": Weight((inputs[0].channels, out, *kernel), *fans)}
        if self.bias:
            found["bias"] = Weight((self.out_channels,), *fans, role="bias")
        return found

    def cost(self, *inputs: Spec) -> Cost:
        (x,) = inputs
        y = self.shape(x)
        axes = zip(self._windows(x), x.spatial, y.spatial, strict=True)
        landed = prod(sum(len(list(w.taps(i, m))) for i in range(n)) for w, n, m in axes)
        products = landed * x.channels * self.out_channels // self.groups
        return Cost(products, products + y.size * self.bias, y.size * self.bias)

    def field(self, *inputs: Spec) -> tuple[Window, ...] | Reach:
        """With a stride, neighboring outputs meet different parts of the kernel."""
        (x,) = inputs
        axes = self._windows(x)
        if any(w.stride > 1 for w in axes):
            return Reach.UNEVEN
        cut = [(w, w.extent - 1 - w.before, w.extent - 1 - w.after) for w in axes]
        return tuple(Window(w.kernel, 1, w.dilation, before, after) for w, before, after in cut)

    def forward(self, call: Call) -> Array:
        # n picture, g group, c channel in it, o map in it, p input positions, k cells of the stamp
        stamps = np.einsum("ngcp,gcok->ngopk", self._x_ngcp(call.x), self._w_gcok(call))
        y_spec, axes = self.shape(Spec(call.x.shape[1:])), self._windows(Spec(call.x.shape[1:]))
        taps = (w.kernel for w in axes)
        parts = stamps.reshape(len(call.x), self.out_channels, *call.x.shape[2:], *taps)
        like = np.zeros((len(call.x), *y_spec.shape), dtype=call.x.dtype)
        y = sliding.scattered(parts, axes, like)
        return y + call.weights["bias"].reshape(-1, *[1] * (y.ndim - 2)) if self.bias else y

    def backward(self, call: Call, error: Array) -> Gradients:
        x_ngcp, w_gcok = self._x_ngcp(call.x), self._w_gcok(call)
        seen = sliding.views(error, self._windows(Spec(call.x.shape[1:])))
        shape = (len(error), self.groups, w_gcok.shape[2], x_ngcp.shape[3], w_gcok.shape[3])
        e_ngopk = seen.reshape(shape)
        x_error = np.einsum("ngopk,gcok->ngcp", e_ngopk, w_gcok)
        weight = np.einsum("ngcp,ngopk->gcok", x_ngcp, e_ngopk)
        gradients = {"weight": weight.reshape(call.weights["weight"].shape)}
        if self.bias:
            gradients["bias"] = error.sum(axis=(0, *range(2, error.ndim)))
        return Gradients((x_error.reshape(call.x.shape),), gradients)

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, o, *place = index
        weight, axes = call.weights["weight"], self._windows(Spec(call.x.shape[1:]))
        group, own = divmod(o, weight.shape[1])
        channels = len(weight) // self.groups
        found = []
        for position, tap in sliding.outputs_of(axes, place, self._sizes(call)):
            for c in range(group * channels, (group + 1) * channels):
                cell, key = (picture, c, *position), (c, own, *tap)
                of_cell = Factor(call.x[cell], refs=(Ref(0, cell),))
                found.append(Term((of_cell, Factor(weight[key], refs=(Ref("weight", key),)))))
        if self.bias:
            found.append(Term((Factor(call.weights["bias"][o], refs=(Ref("bias", (o,)),)),)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == "bias":
            places = np.ndindex(len(call.x), *self._sizes(call))
            one = (Factor(1.0, "1"),)
            return [Use((n, ref.index[0], *place), one) for n, *place in places]
        if ref.source == "weight":
            return self._uses_of_weight(call, ref)
        picture, c, *position = ref.index
        weight, axes = call.weights["weight"], self._windows(Spec(call.x.shape[1:]))
        first = c // (len(weight) // self.groups) * weight.shape[1]
        found = []
        for tap, place in sliding.taps_of(axes, position, self._sizes(call)):
            for own in range(weight.shape[1]):
                key = (c, own, *tap)
                factor = Factor(weight[key], refs=(Ref("weight", key),))
                found.append(Use((picture, first + own, *place), (factor,)))
        return found

    def _uses_of_weight(self, call: Call, ref: Ref) -> list[Use]:
        c, own, *tap = ref.index
        axes = self._windows(Spec(call.x.shape[1:]))
        weight = call.weights["weight"]
        o = c // (len(weight) // self.groups) * weight.shape[1] + own
        found = []
        for picture, *position in np.ndindex(len(call.x), *call.x.shape[2:]):
            cell = (picture, c, *position)
            for other, place in sliding.taps_of(axes, position, self._sizes(call)):
                if list(other) == tap:
                    factor = Factor(call.x[cell], refs=(Ref(0, cell),))
                    found.append(Use((picture, o, *place), (factor,)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        o, *place = index
        axes = self._windows(inputs[0])
        own = o % (self.out_channels // self.groups)
        cells, taps = (",".join(letters[: len(axes)]) for letters in ("ijkl", sliding.LETTERS))
        lands = ", ".join(
            f"{i}·{w.stride} + {u}·{w.dilation} - {w.before} = {a}"
            for i, u, w, a in zip("ijkl", sliding.LETTERS, axes, place, strict=False)
        )
        bias = f" + bias[{o}]" if self.bias else ""
        return f"Σ {{0}}[c,{cells}] · weight[c,{own},{taps}]{bias} where {lands}"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        axes = self._windows(inputs[0])
        cells, taps = (",".join(letters[: len(axes)]) for letters in ("ijkl", sliding.LETTERS))
        if ref.source == "bias":
            return f"Σ {{self}}[{ref.index[0]},{cells}].grad"
        lands = ", ".join(
            f"{i}·{w.stride} + {u}·{w.dilation} - {w.before}"
            for i, u, w in zip("ijkl", sliding.LETTERS, axes, strict=False)
        )
        index = ",".join(map(str, ref.index))
        if ref.source == "weight":
            at = f"{taps} = {','.join(map(str, ref.index[2:]))}"
            return f"Σ {{self}}[o, {lands}].grad · {{0}}[{ref.index[0]},{cells}] at {at}"
        weight = f"{{self}}.weight[{ref.index[0]},o,{taps}]"
        return f"Σ {{self}}[o, {lands}].grad · {weight} at c,{cells} = {index}"

    def _windows(self, x: Spec) -> tuple[Window, ...]:
        """The windows of the convolution that goes the other way."""
        rank = len(x.spatial)
        return windows(rank, self.kernel, self.stride, self.padding, self.dilation)

    def _sizes(self, call: Call) -> tuple[int, ...]:
        return self.shape(Spec(call.x.shape[1:])).spatial

    def _x_ngcp(self, x: Array) -> Array:
        return x.reshape(len(x), self.groups, x.shape[1] // self.groups, -1)

    def _w_gcok(self, call: Call) -> Array:
        weight = call.weights["weight"]
        return weight.reshape(self.groups, len(weight) // self.groups, weight.shape[1], -1)
