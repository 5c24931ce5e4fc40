"""What normalizations share that need no batch: mean 0 and variance 1 over cells of one picture.

    y = weight · x̂ + bias        x̂ = s · (x - μ)        s = 1 / √(v + ε)

μ and v are the mean and the (biased) variance of the m cells that are normalized together; a
subclass says which they are. With g = e · weight, the gradient of x̂,

    ∂L/∂x_i = s · (g_i - mean(g) - x̂_i · mean(g · x̂))

because every cell moves the mean and the variance of its company:
∂x̂_j/∂x_i = s · ([i = j] - 1/m - x̂_i · x̂_j / m). ∂L/∂weight = Σ e · x̂ and ∂L/∂bias = Σ e, over
the cells that a weight or bias is for.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import final

import numpy as np

from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Spec,
    Term,
    Use,
)
from striate.ops import checked
from striate.ops.arrays import Array


@dataclass(frozen=True)
class Standardized(Operator):
    """A normalization within each picture; the same while training and after."""

    epsilon: float = field(default=1e-5, kw_only=True)

    def __post_init__(self) -> None:
        checked.positive("epsilon", self.epsilon, 1e-5)

    @abstractmethod
    def rows(self, x: Array) -> Array:
        """`x` as (pictures, rows, cells): the cells of a row are normalized together."""

    @abstractmethod
    def unrolled(self, rows: Array, like: Array) -> Array:
        """The opposite of `rows`, in the shape of `like`."""

    @abstractmethod
    def company(self, index: Index, x: Array) -> list[Index]:
        """The cells that one is normalized together with, itself among them."""

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=7 * inputs[0].size)

    @final
    def forward(self, call: Call) -> Array:
        x_hat = self.unrolled(self._standard(call.x)[0], call.x)
        return x_hat * _wide(call, "weight") + _wide(call, "bias")

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        x_hat, scale = self._standard(call.x)
        g = self.rows(error * _wide(call, "weight"))
        follows_mean = g.mean(axis=2, keepdims=True)
        follows_variance = x_hat * (g * x_hat).mean(axis=2, keepdims=True)
        slope = self.unrolled(scale * (g - follows_mean - follows_variance), call.x)
        axes = (0,) if _is_by_cell(call) else (0, *range(2, error.ndim))
        pulls = {"weight": error * self.unrolled(x_hat, call.x), "bias": error}
        return Gradients((slope,), {name: pull.sum(axis=axes) for name, pull in pulls.items()})

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        place = _weight_index(call, index)
        return [
            Term((_weight(call, "weight", place), *self._x_hat(call, index))),
            Term((_weight(call, "bias", place),)),
        ]

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == 0:
            return self._uses_of_x(call, ref)
        cells = [c for c in np.ndindex(*call.x.shape) if _weight_index(call, c) == ref.index]
        if ref.source == "bias":
            return [Use(cell, (Factor(1.0, "1"),)) for cell in cells]
        return [Use(cell, self._x_hat(call, cell)) for cell in cells]

    def _uses_of_x(self, call: Call, ref: Ref) -> list[Use]:
        cells = self.company(ref.index, call.x)
        x = np.array([call.x[cell].item() for cell in cells])
        m, inverse = len(cells), (1 / np.sqrt(x.var() + self.epsilon)).item()
        x_hat = (x - x.mean()) * inverse
        own = x_hat[cells.index(ref.index)].item()
        scale = Factor(inverse, f"1/√(variance + {self.epsilon:g})")
        found = []
        for cell, other in zip(cells, x_hat.tolist(), strict=True):
            same = int(cell == ref.index)
            label = f"({same} - 1/{m} - x̂({{0}}) · x̂({{1}}) / {m})"
            moved = Factor(same - 1 / m - own * other / m, label, (ref, Ref(0, cell)))
            gain = _weight(call, "weight", _weight_index(call, cell))
            found.append(Use(cell, (gain, scale, moved)))
        return found

    def _standard(self, x: Array) -> tuple[Array, Array]:
        """x̂ and 1/√(v + ε), by row."""
        rows = self.rows(x)
        scale = 1 / np.sqrt(rows.var(axis=2, keepdims=True) + self.epsilon)
        return (rows - rows.mean(axis=2, keepdims=True)) * scale, scale

    def _x_hat(self, call: Call, cell: Index) -> tuple[Factor, Factor]:
        x = np.array([call.x[each].item() for each in self.company(cell, call.x)])
        centered = (call.x[cell] - x.mean()).item()
        inverse = (1 / np.sqrt(x.var() + self.epsilon)).item()
        return (
            Factor(centered, "({0} - mean)", (Ref(0, cell),)),
            Factor(inverse, f"1/√(variance + {self.epsilon:g})"),
        )

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        own = ",".join(map(str, index[: self._axes_of_weight(*inputs)]))
        scaled = f"weight[{own}] · ({{0}}[{place}] - mean) / √(variance + {self.epsilon:g})"
        return f"{scaled} + bias[{own}]"

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        axes = self._axes_of_weight(*inputs)
        if isinstance(ref.source, str):
            places = ",".join((*map(str, ref.index), *"ijkl"[: inputs[0].rank - axes]))
            return f"Σ {{self}}[{places}].grad" + (
                "" if ref.source == "bias" else f" · x̂[{places}]"
            )
        place, own = ",".join(map(str, ref.index)), ",".join(map(str, ref.index[:axes]))
        g = f"g[{place}] - mean(g) - x̂[{place}] · mean(g · x̂)"
        where = f"g = {{self}}.grad · {{self}}.weight, here {{self}}.weight[{own}]"
        return f"({g}) / √(variance + {self.epsilon:g}), {where}"

    def _axes_of_weight(self, *inputs: Spec) -> int:
        return len(self.weights(*inputs)["weight"].shape)


def _is_by_cell(call: Call) -> bool:
    """Whether each cell of a picture has a weight of its own, or each channel."""
    return call.weights["weight"].ndim == call.x.ndim - 1


def _wide(call: Call, name: str) -> Array:
    values = call.weights[name]
    return values if _is_by_cell(call) else values.reshape(-1, *[1] * (call.x.ndim - 2))


def _weight_index(call: Call, cell: Index) -> Index:
    return cell[1:] if _is_by_cell(call) else cell[1:2]


def _weight(call: Call, name: str, place: Index) -> Factor:
    return Factor(call.weights[name][place].item(), refs=(Ref(name, place),))
