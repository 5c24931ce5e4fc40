"""SUBSAMPLE: each window is summed, times one trained coefficient a map, plus one trained bias.

    y[c,i,j] = weight[c] · Σ_u Σ_v x[c, i·s + u, j·s + v] + bias[c]

or, with `mean`, the sum divided by the number n of cells. In LeNet-5 a squashing function
follows. With a small coefficient a unit works in the linear range and blurs; with a large one it
is a noisy OR or a noisy AND, as the bias is high or low.

The gradient, from the error e and the window sums S (means, with `mean`):

* ∂L/∂weight[c] = Σ e[c,i,j] · S[c,i,j] and ∂L/∂bias[c] = Σ e[c,i,j];
* ∂L/∂x[c,a,b] = weight[c] · Σ e[c,i,j] over the windows that hold (a, b): the error, laid out
  over each window (its Kronecker product with a window of ones), times the coefficient.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, section II.B (layers S2 and S4); Bouvrie, "Notes on Convolutional Neural
Networks", 2006, section 3.2.

>>> import numpy as np
>>> from striate.graph import Call
>>> weights = {"weight": np.array([0.5]), "bias": np.array([1.0])}
>>> x = np.array([[[[1.0, 2.0], [4.0, 3.0]]]])
>>> Subsample(2).forward(Call((x,), weights)).tolist()
[[[[6.0]]]]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import ShapeError
from striate.graph import (
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
    Weight,
    Window,
)
from striate.graph.saves import NUMBER
from striate.graph.window import checked_sizes, windows
from striate.ops import sliding
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Subsample(Operator):
    """Trainable subsampling.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).
        mean: whether the sum is divided by the number of cells.

    Shapes: (C, *spatial) -> (C, *sizes); weight and bias (C,).
    """

    label: ClassVar[str] = "subsample"

    kernel: Sizes = 2
    stride: Sizes | None = None
    mean: bool = False

    def __post_init__(self) -> None:
        kernel = checked_sizes("kernel", self.kernel)
        stride = None if self.stride is None else checked_sizes("stride", self.stride)
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "stride", None if stride == kernel else stride)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.rank < 2:
            raise ShapeError(
                f"{{self}} pools maps, but its input is flat ({x} units)",
                remedy="Put SUBSAMPLE before FLATTEN and FC.",
            )
        return Spec((x.channels, *sliding.output_sizes(self.field(x), x, "pooling window")))

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        shape, fans = (inputs[0].channels,), (self._cells(*inputs), 1)
        return {"weight": Weight(shape, *fans), "bias": Weight(shape, *fans, role="bias")}

    def cost(self, *inputs: Spec) -> Cost:
        units, cells = self.shape(*inputs).size, self._cells(*inputs)
        return Cost(connections=units * (cells + 1), other=units * (cells + 1))

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        stride = self.kernel if self.stride is None else self.stride
        return windows(len(inputs[0].spatial), self.kernel, stride)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, each=NUMBER, batch=NUMBER * inputs[0].channels)

    def forward(self, call: Call) -> Array:
        return _wide(call, "weight") * self._sums(call) + _wide(call, "bias")

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        over = (0, *range(2, error.ndim))
        gradients = {"weight": (error * self._sums(call)).sum(axis=over), "bias": error.sum(over)}
        each = (error * _wide(call, "weight") / self._divisor(call)).astype(error.dtype)
        shares = each.reshape(*error.shape, *[1] * len(axes))
        parts = np.broadcast_to(shares, (*error.shape, *(w.kernel for w in axes)))
        return Gradients((sliding.scattered(parts, axes, call.x),), gradients)

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, c, *output = index
        axes = self.field(Spec(call.x.shape[1:]))
        found = []
        for _, position in sliding.taps_of(axes, output, call.x.shape[2:]):
            cell = (picture, c, *position)
            of_cell = Factor(call.x[cell], refs=(Ref(0, cell),))
            found.append(Term((of_cell, *self._coefficient(call, c))))
        return [*found, Term((Factor(call.weights["bias"][c], refs=(Ref("bias", (c,)),)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if isinstance(ref.source, str):
            return self._uses_of_weight(call, ref.source, ref.index[0])
        picture, c, *position = ref.index
        axes = self.field(Spec(call.x.shape[1:]))
        return [
            Use((picture, c, *output), self._coefficient(call, c))
            for output, _ in sliding.outputs_of(axes, position, call.x.shape[2:])
        ]

    def _uses_of_weight(self, call: Call, name: str, c: int) -> list[Use]:
        axes = self.field(Spec(call.x.shape[1:]))
        sums = self._sums(call)
        found = []
        for n, *output in np.ndindex(len(call.x), *call.y.shape[2:]):
            index = (n, c, *output)
            factor = Factor(1.0, "1")
            if name == "weight":
                places = [p for _, p in sliding.taps_of(axes, output, call.x.shape[2:])]
                refs = tuple(Ref(0, (n, c, *place)) for place in places)
                label = f"({'mean' if self.mean else 'sum'} of {{0}} … {{{len(refs) - 1}}})"
                factor = Factor(sums[index].item(), label, refs)
            found.append(Use(index, (factor,)))
        return found

    def formula(self, index: Index, *inputs: Spec) -> str:
        c, *output = index
        share = f"1/{self._cells(*inputs)} · " if self.mean else ""
        taps = sliding.tap_text(self.field(*inputs), output)
        return f"weight[{c}] · {share}Σ {{0}}[{c}, {taps}] + bias[{c}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        c = ref.index[0]
        places = ",".join("ijkl"[: len(inputs[0].spatial)])
        error = f"Σ {{self}}[{c},{places}].grad"
        if ref.source == "bias":
            return error
        share = f" · 1/{self._cells(*inputs)}" if self.mean else ""
        if ref.source == "weight":
            return f"{error}{share} · (sum of the window [{c},{places}] of {{0}})"
        return f"{error}{share} · {{self}}.weight[{c}]"

    def _cells(self, *inputs: Spec) -> int:
        return prod(w.kernel for w in self.field(*inputs))

    def _divisor(self, call: Call) -> int:
        return self._cells(Spec(call.x.shape[1:])) if self.mean else 1

    def _sums(self, call: Call) -> Array:
        axes = self.field(Spec(call.x.shape[1:]))
        sums: Array = sliding.views(call.x, axes).sum(axis=tuple(range(-len(axes), 0)))
        return sums / self._divisor(call)

    def _coefficient(self, call: Call, c: int) -> tuple[Factor, ...]:
        weight = Factor(call.weights["weight"][c], refs=(Ref("weight", (c,)),))
        if not self.mean:
            return (weight,)
        cells = self._divisor(call)
        return (weight, Factor(1 / cells, f"1/{cells}"))


def _wide(call: Call, name: str) -> Array:
    """One number per channel, shaped so that it meets the channels of the input."""
    return call.weights[name].reshape(1, -1, *[1] * (call.x.ndim - 2))
