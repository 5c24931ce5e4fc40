"""HISTOGRAMPOOL: each window becomes a histogram: which share of its numbers lies near which value.

    y[c·B + b, i, j] = (1/n) Σ_u Σ_v ψ_b(x[c, i·s + u, j·s + v])
    ψ_b(x) = max(0, 1 - |x' - μ_b| / δ)

The B bins have their centers μ_b = low + b·δ evenly from low to high, δ apart; x' is x moved into
[low, high]. A number between two centers counts for both, more for the nearer one, so that the
shares of a window add up to 1. The bins of a channel become neighboring channels.

The gradient, where a hard histogram has none: a number that grows leaves one bin for the next,

    ∂L/∂x[c,a,b] = Σ_b Σ_ij e[c·B + b, i, j] · ψ_b'(x) / n over the windows that hold (a, b)
    ψ_b'(x) = -sign(x - μ_b)/δ for 0 < |x - μ_b| < δ, else 0

and 0 outside of [low, high].

Source: Wang, Li, Ouyang and Wang, "Learnable Histogram: Statistical Context Features for Deep
Neural Networks", ECCV 2016, arXiv:1804.09398, equation 2: its piecewise linear bins, here with
centers and widths that are set, not learned, and over windows instead of whole maps.

Two of four numbers at 0, one at 1, one halfway between 1 and 2:

>>> import numpy as np
>>> from striate.graph import Call
>>> x = np.array([[[[0.0, 1.0], [1.5, -7.0]]]])
>>> HistogramPool(2, bins=3, low=0.0, high=2.0).forward(Call((x,))).ravel().tolist()
[0.5, 0.375, 0.125]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
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
    Window,
)
from striate.graph.saves import NUMBER
from striate.graph.window import checked_sizes, windows
from striate.ops import checked, sliding
from striate.ops.arrays import Array
from striate.ops.pooling.settings import needs_maps


@final
@dataclass(frozen=True)
class HistogramPool(Operator):
    """Soft histograms of windows.

    Args:
        kernel: cells of the window, one number or one per axis.
        stride: steps of the window; None for the kernel (no overlap).
        bins: bins a channel, 2 or more.
        low, high: centers of the first and the last bin.

    Shapes: (C, *spatial) -> (C · bins, *sizes).
    """

    label: ClassVar[str] = "pool"

    kernel: Sizes = 2
    stride: Sizes | None = None
    bins: int = 4
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        kernel = checked_sizes("kernel", self.kernel)
        stride = None if self.stride is None else checked_sizes("stride", self.stride)
        object.__setattr__(self, "kernel", kernel)
        object.__setattr__(self, "stride", None if stride == kernel else stride)
        checked.finite("low", self.low, 0)
        checked.finite("high", self.high, 1)
        checked.count("bins", self.bins, 4)
        if self.bins < 2 or self.low >= self.high:
            raise SettingError(
                f"{self.bins} bins from {self.low:g} to {self.high:g} tell nothing apart",
                remedy="Give 2 bins or more, and a high above low.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        sizes = sliding.output_sizes(self.field(x), x, "pooling window")
        return Spec((x.channels * self.bins, *sizes))

    def cost(self, *inputs: Spec) -> Cost:
        window = prod(w.kernel for w in self.field(*inputs))
        units = self.shape(*inputs).size
        return Cost(connections=units * window, other=3 * units * window)

    def field(self, *inputs: Spec) -> tuple[Window, ...]:
        (x,) = inputs
        needs_maps(x)
        stride = self.kernel if self.stride is None else self.stride
        return windows(len(x.spatial), self.kernel, stride)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=True, own=2 * NUMBER * self.bins * inputs[0].size)

    def forward(self, call: Call) -> Array:
        axes = self.field(Spec(call.x.shape[1:]))
        seen = sliding.views(self._shares(call.x), axes)
        return seen.mean(axis=tuple(range(-len(axes), 0)))

    def backward(self, call: Call, error: Array) -> Gradients:
        axes = self.field(Spec(call.x.shape[1:]))
        slopes = self._slopes(call.x)
        kernel = tuple(w.kernel for w in axes)
        even = (error / prod(kernel)).reshape(*error.shape, *[1] * len(axes))
        parts = np.broadcast_to(even, (*error.shape, *kernel))
        reached = sliding.scattered(parts, axes, slopes) * slopes
        return Gradients((reached.reshape(*call.x.shape[:2], self.bins, *call.x.shape[2:]).sum(2),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, channel, *output = index
        axes = self.field(Spec(call.x.shape[1:]))
        source, b = divmod(channel, self.bins)
        cells = [
            (picture, source, *position)
            for _, position in sliding.taps_of(axes, output, call.x.shape[2:])
        ]
        even = Factor(1 / len(cells), f"1/{len(cells)}")
        return [Term((self._share(call, cell, b), even)) for cell in cells]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *position = ref.index
        axes = self.field(Spec(call.x.shape[1:]))
        cells = prod(w.kernel for w in axes)
        even = Factor(1 / cells, f"1/{cells}")
        slopes = self._slopes(call.x[ref.index].reshape(1, 1)).ravel().tolist()
        outputs = sliding.outputs_of(axes, position, call.x.shape[2:])
        return [
            Use(
                (picture, channel * self.bins + b, *output),
                (Factor(slope, f"bin{b}'({{0}})", (ref,)), even),
            )
            for output, _ in outputs
            for b, slope in enumerate(slopes)
        ]

    def formula(self, index: Index, *inputs: Spec) -> str:
        channel, *output = index
        axes = self.field(*inputs)
        source, b = divmod(channel, self.bins)
        x = f"{{0}}[{source}, {sliding.tap_text(axes, output)}]"
        share = f"max(0, 1 - |{x} - {self._centers()[b]:g}| / {self._width():g})"
        return f"1/{prod(w.kernel for w in axes)} · Σ {share}"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijkl"[: len(ref.index) - 1])
        cells = prod(w.kernel for w in self.field(*inputs))
        first = ref.index[0] * self.bins
        own = ",".join(map(str, ref.index))
        return f"Σ_b {{self}}[{first}+b,{places}].grad · bin_b'({{0}}[{own}]) · 1/{cells}"

    def _width(self) -> float:
        """From one center to the next."""
        return (self.high - self.low) / (self.bins - 1)

    def _centers(self) -> Array:
        return self.low + self._width() * np.arange(self.bins)

    def _away(self, x: Array) -> Array:
        """x' - μ_b in bin widths, the bins of a channel as neighboring channels."""
        inside = np.clip(x, self.low, self.high)[:, :, None]
        centers = self._centers().astype(x.dtype).reshape(-1, *[1] * (x.ndim - 2))
        away = (inside - centers) / self._width()
        return away.reshape(len(x), -1, *x.shape[2:])

    def _shares(self, x: Array) -> Array:
        """ψ_b(x) of every cell and bin."""
        return np.maximum(1 - np.abs(self._away(x)), 0)

    def _slopes(self, x: Array) -> Array:
        """ψ_b'(x) of every cell and bin."""
        away = self._away(x)
        moves = np.repeat((x > self.low) & (x < self.high), self.bins, axis=1)
        return -np.sign(away) * ((np.abs(away) < 1) & moves) / self._width()

    def _share(self, call: Call, cell: Index, b: int) -> Factor:
        value = self._shares(call.x[cell].reshape(1, 1))[0, b].item()
        return Factor(value, f"bin{b}({{0}})", (Ref(0, cell),))
