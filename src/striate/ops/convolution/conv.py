"""CONV: every output is the sum of a small window of the input, each cell times a shared weight.

    y[o,i,j] = Σ_c Σ_u Σ_v x[c, i·s + u·d - p, j·s + v·d - p] · weight[o,c,u,v] + bias[o]

with stride s, dilation d and zero padding p, each axis its own; with `groups`, c runs over the
channels of o's group only, with a `table` over those connected to o. As in all layers the kernel
is not rotated: this is cross-correlation. One file serves signals (one spatial axis) and
pictures (two).

The gradient, from the error e[o,i,j] = ∂L/∂y[o,i,j]:

* ∂L/∂weight[o,c,u,v] = Σ_i Σ_j e[o,i,j] · x[c, i·s + u·d - p, j·s + v·d - p]: the correlation
  of the input with the error.
* ∂L/∂bias[o] = Σ_i Σ_j e[o,i,j].
* ∂L/∂x: cell (a, b) went into y[o,i,j] through tap u = (a - i·s + p)/d, v likewise, so its
  gradient collects e[o,i,j] · weight[o,c,u,v]. Put s - 1 zeros between the errors and this is
  their full correlation with the kernel rotated by 180 degrees.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", Proceedings of the IEEE 86(11), 1998, section II.A; Bouvrie, "Notes on
Convolutional Neural Networks", 2006, equations 4-7.

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.arange(9.0).reshape(1, 1, 3, 3)
>>> kernel = np.array([[[[1.0, 0.0], [0.0, -1.0]]]])
>>> Conv(1, 2).forward(Call((x,), {"weight": kernel, "bias": np.zeros(1)}))[0, 0].tolist()
[[-4.0, -4.0], [-4.0, -4.0]]
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
    Ref,
    Sizes,
    Spec,
    Term,
    Use,
    Weight,
    Window,
)
from striate.graph.saves import NUMBER, Saves
from striate.graph.window import checked_padding, checked_sizes, windows
from striate.ops import sliding
from striate.ops.arrays import Array
from striate.ops.convolution.wiring import TABLES, ConnectionTable, Wiring, checked_table


@final
@dataclass(frozen=True)
class Conv(Operator):
    """Convolution over one or two spatial axes.

    Args:
        out_channels: number of kernels.
        kernel: taps, one number or one per axis.
        stride, dilation: steps of the window and between its taps.
        padding: a word of `striate.graph.window.PADDINGS` (valid, same, same_upper, same_lower,
            full), or cells of zeros: one number, one per axis, or (before, after) per axis.
        groups: input and output channels are split into this many separate convolutions.
        table: which inputs each output reads: a matrix of 0 and 1 (a row an output), or lenet5.
        bias: whether one number a kernel is added.

    Shapes: (C, *spatial) -> (out_channels, *sizes); weight (out_channels, C/groups, *kernel), or
    (connections of the table, *kernel).
    """

    label: ClassVar[str] = "conv"

    out_channels: int
    kernel: Sizes = 3
    stride: Sizes = 1
    padding: Padding = "valid"
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True
    table: ConnectionTable | str | None = None

    def __post_init__(self) -> None:
        checked_sizes("out_channels", self.out_channels)
        checked_sizes("groups", self.groups)
        for name in ("kernel", "stride", "dilation"):
            object.__setattr__(self, name, checked_sizes(name, getattr(self, name)))
        object.__setattr__(self, "padding", checked_padding(self.padding))
        if self.out_channels % self.groups:
            raise SettingError(
                f"{self.out_channels} output channels do not split into {self.groups} groups",
                remedy=f"Choose a multiple of {self.groups}.",
            )
        table = checked_table(self.table, self.out_channels, self.groups)
        object.__setattr__(self, "table", table)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank < 2:
            raise ShapeError(
                f"{{self}} needs a map with channels, but its input is flat ({x} units)",
                remedy="Put CONV before FLATTEN and FC.",
            )
        if x.channels % self.groups:
            raise ShapeError(
                f"{x.channels} input channels of {{self}} do not split into {self.groups} groups",
                remedy="groups must divide the input channels.",
            )
        if self._rows and len(self._rows[0]) != x.channels:
            raise ShapeError(
                f"the connection table of {{self}} has {len(self._rows[0])} columns, but its "
                f"input has {x.channels} channels",
                remedy="A table has a column for every input channel.",
            )
        return Spec((self.out_channels, *sliding.output_sizes(self.field(x), x, "window")))

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        (x,) = inputs
        kernel = tuple(w.kernel for w in self.field(x))
        wiring = self._wiring(x.channels)
        products = prod((*wiring.stored, *kernel))
        fans = products // self.out_channels, products // x.channels
        found = {"weight": Weight((*wiring.stored, *kernel), *fans)}
        if self.bias:
            found["bias"] = Weight((self.out_channels,), *fans, role="bias")
        return found

    def cost(self, *inputs: Spec) -> Cost:
        (x,) = inputs
        units = self.shape(x).size
        products = units // self.out_channels * self.weights(x)["weight"].size
        return Cost(products, products + units * self.bias, units * self.bias)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        sizes = inputs[0].spatial
        settings = (self.kernel, self.stride, self.padding, self.dilation)
        return windows(len(sizes), *settings, sizes=sizes)

    def kept(self, *inputs: Spec) -> Saves:
        (x,), axes = inputs, self.field(*inputs)
        if self.table is None and all(w.before == w.after for w in axes):
            return Saves(inputs=True)
        full = x.channels * self.out_channels * prod(w.kernel for w in axes) if self.table else 0
        return Saves(own=NUMBER * sliding.padded_size(x, axes), batch=NUMBER * full)

    def forward(self, call: Call) -> Array:
        # n picture, g group, c channel in it, o kernel in it, p output positions, k taps
        x_ngcpk = self._windows_ngcpk(call.x)
        y_ngop = np.einsum("ngcpk,gock->ngop", x_ngcpk, self._weight_gock(call), optimize=True)
        y = y_ngop.reshape(len(call.x), *self.shape(Spec(call.x.shape[1:])).shape)
        return y + call.weights["bias"].reshape(-1, *[1] * (y.ndim - 2)) if self.bias else y

    def backward(self, call: Call, error: Array) -> Gradients:
        e_ngop = error.reshape(len(error), self.groups, self.out_channels // self.groups, -1)
        x_ngcpk = self._windows_ngcpk(call.x)
        weight_gock = np.einsum("ngop,ngcpk->gock", e_ngop, x_ngcpk, optimize=True)
        weight = self._wiring(call.x.shape[1]).kept(weight_gock)
        gradients = {"weight": weight.reshape(call.weights["weight"].shape)}
        if self.bias:
            gradients["bias"] = error.sum(axis=(0, *range(2, error.ndim)))
        return Gradients((self._rotated(call, error),), gradients)

    def _rotated(self, call: Call, error: Array) -> Array:
        """The full correlation of the error, spread out by the stride, with rotated kernels."""
        axes = self.field(Spec(call.x.shape[1:]))
        sizes = call.x.shape[2:]
        reach = [(w.outputs(n) - 1) * w.stride + 1 for w, n in zip(axes, sizes, strict=True)]
        spread = np.zeros((*error.shape[:2], *reach), dtype=error.dtype)
        spread[(slice(None), slice(None), *(slice(None, None, w.stride) for w in axes))] = error
        # Full padding, less the cells that only ever met zero padding, plus cells no window saw.
        full = [
            Window(w.kernel, 1, w.dilation, w.extent - 1 - w.before, n + w.before - length)
            for w, n, length in zip(axes, sizes, reach, strict=True)
        ]
        e_ncpk = sliding.trimmed_views(spread, full)
        w_gock = self._weight_gock(call)[..., ::-1]  # all taps backward: turned by 180 degrees
        e_ngopk = e_ncpk.reshape(len(error), self.groups, w_gock.shape[1], prod(sizes), -1)
        x_error = np.einsum("ngopk,gock->ngcp", e_ngopk, w_gock, optimize=True)
        return x_error.reshape(call.x.shape)

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, o, *output = index
        weight = call.weights["weight"]
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for c, kernel in self._wiring(call.x.shape[1]).read_by(o):
            for tap, position in sliding.taps_of(axes, output, call.x.shape[2:]):
                cell, key = (picture, c, *position), (*kernel, *tap)
                of_cell = Factor(call.x[cell], refs=(Ref(0, cell),))
                found.append(Term((of_cell, Factor(weight[key], refs=(Ref("weight", key),)))))
        if self.bias:
            found.append(Term((Factor(call.weights["bias"][o], refs=(Ref("bias", (o,)),)),)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == "bias":
            places = np.ndindex(len(call.y), *call.y.shape[2:])
            one = (Factor(1.0, "1"),)
            return [Use((n, ref.index[0], *place), one) for n, *place in places]
        if ref.source == "weight":
            return self._uses_of_weight(call, ref)
        return self._uses_of_x(call, ref)

    def _uses_of_weight(self, call: Call, ref: Ref) -> list[Use]:
        axes = self.field(Spec(call.x.shape[1:]))
        (o, channel), tap = self._at(ref, Spec(call.x.shape[1:]))
        found = []
        for picture, *output in np.ndindex(len(call.x), *call.y.shape[2:]):
            place = tuple(
                w.start(p) + u * w.dilation for w, p, u in zip(axes, output, tap, strict=True)
            )
            if all(0 <= p < n for p, n in zip(place, call.x.shape[2:], strict=True)):
                cell = (picture, channel, *place)
                found.append(
                    Use((picture, o, *output), (Factor(call.x[cell], refs=(Ref(0, cell),)),))
                )
        return found

    def _uses_of_x(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *position = ref.index
        weight = call.weights["weight"]
        readers = self._wiring(call.x.shape[1]).readers_of(channel)
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for output, tap in sliding.outputs_of(axes, position, call.x.shape[2:]):
            for o, kernel in readers:
                key = (*kernel, *tap)
                factor = Factor(weight[key], refs=(Ref("weight", key),))
                found.append(Use((picture, o, *output), (factor,)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        o, *output = index
        axes = self.field(inputs[0])
        (first, place), *_ = read = self._wiring(inputs[0].channels).read_by(o)
        taps = ",".join(sliding.LETTERS[: len(axes)])
        bias = f" + bias[{o}]" if self.bias else ""
        seen = sliding.tap_text(axes, output)
        if self._rows:
            channels = ", ".join(str(c) for c, _ in read)
            kernel = f"weight[{place[0]}+n,{taps}]"
            return f"Σ {{0}}[c, {seen}] · {kernel}{bias} (c the n-th of {channels})"
        channel = f"{first}+c" if first else "c"
        return f"Σ {{0}}[{channel}, {seen}] · weight[{o},c,{taps}]{bias}"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        axes = self.field(inputs[0])
        places = ",".join("ijkl"[: len(axes)])
        if ref.source == "bias":
            return f"Σ {{self}}[{ref.index[0]},{places}].grad"
        if ref.source == "weight":
            (o, channel), tap = self._at(ref, inputs[0])
            cell = ", ".join(
                _place(letter, w, u) for letter, w, u in zip("ijkl", axes, tap, strict=False)
            )
            return f"Σ {{self}}[{o},{places}].grad · {{0}}[{channel}, {cell}]"
        taps = ",".join(sliding.LETTERS[: len(axes)])
        kernel = "o's" if self._rows else f"o,{ref.index[0] % (inputs[0].channels // self.groups)}"
        return f"Σ {{self}}[o,{places}].grad · {{self}}.weight[{kernel},{taps}]"

    @property
    def _rows(self) -> ConnectionTable | None:
        return TABLES[self.table] if isinstance(self.table, str) else self.table

    def _wiring(self, channels: int) -> Wiring:
        return Wiring(channels, self.out_channels, self.groups, self._rows)

    def _at(self, ref: Ref, x: Spec) -> tuple[tuple[int, int], Index]:
        """(output channel, input channel) and tap of one number of the weight."""
        rank = len(x.spatial)
        return self._wiring(x.channels).pair(ref.index[:-rank]), ref.index[-rank:]

    def _windows_ngcpk(self, x: Array) -> Array:
        """Every window of x, groups apart, positions and taps each as one axis."""
        seen = sliding.views(x, self.field(Spec(x.shape[1:])))
        rank = x.ndim - 2
        positions, taps = prod(seen.shape[2 : 2 + rank]), prod(seen.shape[2 + rank :])
        return seen.reshape(len(x), self.groups, x.shape[1] // self.groups, positions, taps)

    def _weight_gock(self, call: Call) -> Array:
        return self._wiring(call.x.shape[1]).dense(call.weights["weight"])


def _place(letter: str, window: Window, tap: int) -> str:
    """Input position of one tap as the output position `letter` runs: 2i+3."""
    step = letter if window.stride == 1 else f"{window.stride}{letter}"
    shift = tap * window.dilation - window.before
    return f"{step}{shift:+}" if shift else step
