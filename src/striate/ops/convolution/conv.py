"""CONV: every output is the sum of a small window of the input, each cell times a shared weight.

    y[o,i,j] = Σ_c Σ_u Σ_v x[c, i·s + u·d - p, j·s + v·d - p] · weight[o,c,u,v] + bias[o]

with stride s, dilation d and zero padding p, each axis its own; with `groups`, c runs over the
channels of o's group only. As in all layers the kernel is not rotated: this is
cross-correlation. One file serves signals (one spatial axis) and pictures (two).

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
from striate.graph.window import checked_padding, checked_sizes, windows
from striate.ops import sliding
from striate.ops.sliding import Array


@final
@dataclass(frozen=True)
class Conv(Operator):
    """Convolution over one or two spatial axes.

    Args:
        out_channels: number of kernels.
        kernel: taps, one number or one an axis.
        stride, dilation: steps of the window and between its taps.
        padding: valid (none), same, full, or cells of zeros: one number, one an axis, or
            (before, after) an axis.
        groups: input and output channels are split into this many separate convolutions.
        bias: whether one number a kernel is added.

    Shapes: (C, *spatial) -> (out_channels, *sizes); weight (out_channels, C/groups, *kernel).
    """

    label: ClassVar[str] = "conv"

    out_channels: int
    kernel: Sizes = 3
    stride: Sizes = 1
    padding: Padding = "valid"
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True

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
        return Spec((self.out_channels, *sliding.output_sizes(self.field(x), x, "window")))

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        (x,) = inputs
        kernel = tuple(w.kernel for w in self.field(x))
        into, out = x.channels // self.groups, self.out_channels // self.groups
        fans = into * prod(kernel), out * prod(kernel)
        found = {"weight": Weight((self.out_channels, into, *kernel), *fans)}
        if self.bias:
            found["bias"] = Weight((self.out_channels,), *fans, role="bias")
        return found

    def cost(self, *inputs: Spec) -> Cost:
        (x,) = inputs
        units = self.shape(x).size
        fan_in = self.weights(x)["weight"].fan_in
        return Cost(units * fan_in, units * (fan_in + self.bias), units * self.bias)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        rank = len(inputs[0].spatial)
        return windows(rank, self.kernel, self.stride, self.padding, self.dilation)

    def forward(self, call: Call) -> Array:
        # n picture, g group, c channel in it, o kernel in it, p output positions, k taps
        x_ngcpk = self._windows_ngcpk(call.x)
        y_ngop = np.einsum("ngcpk,gock->ngop", x_ngcpk, self._weight_gock(call), optimize=True)
        y = y_ngop.reshape(len(call.x), *self.shape(Spec(call.x.shape[1:])).shape)
        return y + call.weights["bias"].reshape(-1, *[1] * (y.ndim - 2)) if self.bias else y

    def backward(self, call: Call, error: Array) -> Gradients:
        e_ngop = error.reshape(len(error), self.groups, self.out_channels // self.groups, -1)
        x_ngcpk = self._windows_ngcpk(call.x)
        weight = np.einsum("ngop,ngcpk->gock", e_ngop, x_ngcpk, optimize=True)
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
        e_ncpk = _trimmed_views(spread, full)
        weight = call.weights["weight"]
        rotated = np.flip(weight, axis=tuple(range(2, weight.ndim)))
        w_gock = rotated.reshape(self.groups, -1, weight.shape[1], prod(weight.shape[2:]))
        e_ngopk = e_ncpk.reshape(len(error), self.groups, w_gock.shape[1], prod(sizes), -1)
        x_error = np.einsum("ngopk,gock->ngcp", e_ngopk, w_gock, optimize=True)
        return x_error.reshape(call.x.shape)

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, o, *output = index
        weight = call.weights["weight"]
        first = o // (self.out_channels // self.groups) * weight.shape[1]
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for c in range(weight.shape[1]):
            for tap, position in sliding.taps_of(axes, output, call.x.shape[2:]):
                cell, key = (picture, first + c, *position), (o, c, *tap)
                found.append(
                    Term(
                        (
                            Factor(call.x[cell], refs=(Ref(0, cell),)),
                            Factor(weight[key], refs=(Ref("weight", key),)),
                        )
                    )
                )
        if self.bias:
            found.append(Term((Factor(call.weights["bias"][o], refs=(Ref("bias", (o,)),)),)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == "bias":
            places = np.ndindex(len(call.y), *call.y.shape[2:])
            one = (Factor(1.0, "1"),)
            return [Use((n, ref.index[0], *place), one) for n, *place in places]
        return (
            self._uses_of_weight(call, ref)
            if ref.source == "weight"
            else self._uses_of_x(call, ref)
        )

    def _uses_of_weight(self, call: Call, ref: Ref) -> list[Use]:
        o, c, *tap = ref.index
        channel = o // (self.out_channels // self.groups) * call.weights["weight"].shape[1] + c
        axes = self.field(Spec(call.x.shape[1:]))
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
        group, c = divmod(channel, weight.shape[1])
        kernels = self.out_channels // self.groups
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for output, tap in sliding.outputs_of(axes, position, call.x.shape[2:]):
            for o in range(group * kernels, (group + 1) * kernels):
                key = (o, c, *tap)
                factor = Factor(weight[key], refs=(Ref("weight", key),))
                found.append(Use((picture, o, *output), (factor,)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        o, *output = index
        axes = self.field(inputs[0])
        first = o // (self.out_channels // self.groups) * (inputs[0].channels // self.groups)
        channel = f"{first}+c" if first else "c"
        taps = ",".join(sliding.LETTERS[: len(axes)])
        cell = f"{{0}}[{channel}, {sliding.tap_text(axes, output)}]"
        bias = f" + bias[{o}]" if self.bias else ""
        return f"Σ {cell} · weight[{o},c,{taps}]{bias}"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        axes = self.field(inputs[0])
        places = ",".join("ijkl"[: len(axes)])
        if ref.source == "bias":
            return f"Σ {{self}}[{ref.index[0]},{places}].grad"
        if ref.source == "weight":
            o, c, *tap = ref.index
            channel = o // (self.out_channels // self.groups) * (inputs[0].channels // self.groups)
            cell = ", ".join(
                _place(letter, w, u) for letter, w, u in zip("ijkl", axes, tap, strict=False)
            )
            return f"Σ {{self}}[{o},{places}].grad · {{0}}[{channel + c}, {cell}]"
        c = ref.index[0] % (inputs[0].channels // self.groups)
        taps = ",".join(sliding.LETTERS[: len(axes)])
        return f"Σ {{self}}[o,{places}].grad · {{self}}.weight[o,{c},{taps}]"

    def _windows_ngcpk(self, x: Array) -> Array:
        """Every window of x, groups apart, positions and taps each as one axis."""
        seen = sliding.views(x, self.field(Spec(x.shape[1:])))
        rank = x.ndim - 2
        positions, taps = prod(seen.shape[2 : 2 + rank]), prod(seen.shape[2 + rank :])
        return seen.reshape(len(x), self.groups, x.shape[1] // self.groups, positions, taps)

    def _weight_gock(self, call: Call) -> Array:
        weight = call.weights["weight"]
        kernels = self.out_channels // self.groups
        return weight.reshape(self.groups, kernels, weight.shape[1], -1)


def _trimmed_views(x: Array, axes: list[Window]) -> Array:
    """`sliding.views` for windows whose padding may be negative, which crops instead."""
    crop = tuple(
        slice(max(0, -w.before), n - max(0, -w.after))
        for w, n in zip(axes, x.shape[2:], strict=True)
    )
    cut = x[(slice(None), slice(None), *crop)]
    fits = [Window(w.kernel, 1, w.dilation, max(0, w.before), max(0, w.after)) for w in axes]
    return sliding.views(cut, fits)


def _place(letter: str, window: Window, tap: int) -> str:
    """Input position of one tap as the output position `letter` runs: 2i+3."""
    step = letter if window.stride == 1 else f"{window.stride}{letter}"
    shift = tap * window.dilation - window.before
    if shift == 0:
        return step
    return f"{step}+{shift}" if shift > 0 else f"{step}-{-shift}"
