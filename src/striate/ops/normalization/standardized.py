"""What normalizations share that need no batch: cells of one picture brought to mean 0, variance 1.

    y = weight · x̂ + bias        x̂ = s · (x - μ)        s = 1 / √(v + ε)

μ and v are the mean and the (biased) variance of the m cells that are normalized together; a
subclass says which they are. Where it does not center, μ is 0, v the mean square, and there is no
bias. With g = e · weight, the gradient of x̂,

    ∂L/∂x_i = s · (g_i - mean(g) - x̂_i · mean(g · x̂))

because every cell moves the mean and the variance of its company:
∂x̂_j/∂x_i = s · ([i = j] - 1/m - x̂_i · x̂_j / m). Without centering, mean(g) and 1/m are left out.
∂L/∂weight = Σ e · x̂ and ∂L/∂bias = Σ e, over the cells that a weight or bias is for.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, NamedTuple, final

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
    Weight,
)
from striate.ops import checked
from striate.ops.arrays import Array


class _Company(NamedTuple):
    """Cells that are normalized together: their positions, x̂ there, x̂ of the one asked, and s."""

    picture: int
    positions: Array
    x_hat: Array
    own: float
    scale: float

    def cells(self, call: Call) -> list[Index]:
        """The index of each cell, the batch first."""
        places = np.unravel_index(self.positions, call.specs[0].shape)
        return [(self.picture, *place) for place in zip(*(k.tolist() for k in places), strict=True)]


@dataclass(frozen=True)
class Standardized(Operator):
    """A normalization within each picture; the same while training and after."""

    centers: ClassVar[bool] = True
    """Whether the mean is taken away, and a bias learned."""

    affine: bool = field(default=True, kw_only=True)
    epsilon: float = field(default=1e-5, kw_only=True)

    def __post_init__(self) -> None:
        checked.positive("epsilon", self.epsilon, type(self).epsilon)

    @abstractmethod
    def together(self, x: Spec) -> Array:
        """(rows, cells): the positions in `x`, laid flat, that each row normalizes together."""

    @abstractmethod
    def weighted(self, x: Spec) -> tuple[int, ...]:
        """The axes of `x` along which weight and bias differ."""

    @final
    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        shape = tuple(inputs[0].shape[k] for k in self.weighted(inputs[0]))
        roles = {"weight": "gain"} | ({"bias": "bias"} if self.centers else {})
        return {n: Weight(shape, 1, 1, role) for n, role in roles.items()} if self.affine else {}

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=(7 if self.centers else 5) * inputs[0].size)

    @final
    def forward(self, call: Call) -> Array:
        y = self._unrolled(call, self._standard(call)[0])
        y = y * self._wide(call, "weight") if self.affine else y
        return y + self._wide(call, "bias") if "bias" in call.weights else y

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        x_hat, scale = self._standard(call)
        g = self._rows(call, error * self._wide(call, "weight") if self.affine else error)
        slope = g - x_hat * (g * x_hat).mean(axis=2, keepdims=True)
        if self.centers:
            slope = slope - g.mean(axis=2, keepdims=True)
        kept = [k + 1 for k in self.weighted(call.specs[0])]
        axes = tuple(k for k in range(error.ndim) if k not in kept)
        pulls = {"weight": error * self._unrolled(call, x_hat), "bias": error}
        return Gradients(
            (self._unrolled(call, scale * slope),),
            {name: pulls[name].sum(axis=axes) for name in call.weights},
        )

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        gain = (self._weight(call, "weight", index),) if self.affine else ()
        found = [Term((*gain, *self._x_hat(call, index)))]
        if "bias" in call.weights:
            found.append(Term((self._weight(call, "bias", index),)))
        return found

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == 0:
            return self._uses_of_x(call, ref)
        axes = self.weighted(call.specs[0])
        cells = [c for c in np.ndindex(*call.x.shape) if _at(c, axes) == ref.index]
        if ref.source == "bias":
            return [Use(cell, (Factor(1.0, "1"),)) for cell in cells]
        return [Use(cell, self._x_hat(call, cell)) for cell in cells]

    def _uses_of_x(self, call: Call, ref: Ref) -> list[Use]:
        company = self._company(call, ref.index)
        m, own = len(company.x_hat), company.own
        away, label = (1 / m, f" - 1/{m}") if self.centers else (0.0, "")
        found = []
        for cell, other in zip(company.cells(call), company.x_hat.tolist(), strict=True):
            same = int(cell == ref.index)
            written = f"({same}{label} - x̂({{0}}) · x̂({{1}}) / {m})"
            moved = Factor(same - away - own * other / m, written, (ref, Ref(0, cell)))
            gain = (self._weight(call, "weight", cell),) if self.affine else ()
            found.append(Use(cell, (*gain, self._inverse(company), moved)))
        return found

    def _company(self, call: Call, index: Index) -> _Company:
        """The cells that one is normalized together with."""
        together, row_of = self._together(call)
        at = np.ravel_multi_index(index[1:], call.specs[0].shape)
        row = together[row_of[at]]
        x = call.x[index[0]].ravel()[row].astype(float)
        centered = x - x.mean() if self.centers else x
        scale = 1 / np.sqrt((centered**2).mean() + self.epsilon)
        own = centered[row == at].item()
        return _Company(index[0], row, centered * scale, own * scale.item(), scale.item())

    def _inverse(self, company: _Company) -> Factor:
        return Factor(company.scale, f"1/√({self._spread})")

    @property
    def _spread(self) -> str:
        return f"{'variance' if self.centers else 'mean square'} + {self.epsilon:g}"

    def _standard(self, call: Call) -> tuple[Array, Array]:
        """x̂ and 1/√(v + ε), by row."""
        rows = self._rows(call, call.x)
        if self.centers:
            rows = rows - rows.mean(axis=2, keepdims=True)
        squares = (rows * rows).mean(axis=2, keepdims=True)
        scale = 1 / np.sqrt(squares + rows.dtype.type(self.epsilon))
        return rows * scale, scale

    def _x_hat(self, call: Call, cell: Index) -> tuple[Factor, Factor]:
        company = self._company(call, cell)
        label = "({0} - mean)" if self.centers else "{0}"
        centered = Factor(company.own / company.scale, label, (Ref(0, cell),))
        return centered, self._inverse(company)

    def _together(self, call: Call) -> tuple[Array, Array]:
        spec = call.specs[0]
        return _positions(self, spec.shape, spec.names)

    def _rows(self, call: Call, x: Array) -> Array:
        """`x` as (pictures, rows, cells)."""
        return x.reshape(len(x), -1)[:, self._together(call)[0]]

    def _unrolled(self, call: Call, rows: Array) -> Array:
        """The opposite of `_rows`."""
        flat = np.empty((len(rows), call.specs[0].size), rows.dtype)
        flat[:, self._together(call)[0]] = rows
        return flat.reshape(call.x.shape)

    def _wide(self, call: Call, name: str) -> Array:
        """A weight, shaped so that it meets the cells that it is for."""
        spec = call.specs[0]
        axes = self.weighted(spec)
        return call.weights[name].reshape([n if k in axes else 1 for k, n in enumerate(spec.shape)])

    def _weight(self, call: Call, name: str, cell: Index) -> Factor:
        place = _at(cell, self.weighted(call.specs[0]))
        return Factor(call.weights[name][place].item(), refs=(Ref(name, place),))

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        own = ",".join(str(index[k]) for k in self.weighted(*inputs))
        number = f"({{0}}[{place}] - mean)" if self.centers else f"{{0}}[{place}]"
        found = f"{number} / √({self._spread})"
        found = f"weight[{own}] · {found}" if self.affine else found
        return f"{found} + bias[{own}]" if self.affine and self.centers else found

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        axes = self.weighted(*inputs)
        if isinstance(ref.source, str):
            given = dict(zip(axes, map(str, ref.index), strict=True))
            places = ",".join(given.get(k, "ijklmn"[k % 6]) for k in range(inputs[0].rank))
            return f"Σ {{self}}[{places}].grad" + (
                "" if ref.source == "bias" else f" · x̂[{places}]"
            )
        place, own = ",".join(map(str, ref.index)), ",".join(str(ref.index[k]) for k in axes)
        mean = " - mean(g)" if self.centers else ""
        g = f"(g[{place}]{mean} - x̂[{place}] · mean(g · x̂)) / √({self._spread})"
        if not self.affine:
            return f"{g}, where g = {{self}}.grad"
        return f"{g}, where g = {{self}}.grad · {{self}}.weight, here {{self}}.weight[{own}]"


def _at(cell: Index, axes: tuple[int, ...]) -> Index:
    return tuple(cell[k + 1] for k in axes)


@lru_cache(maxsize=64)
def _positions(norm: Standardized, shape: Index, names: tuple[str, ...]) -> tuple[Array, Array]:
    """The positions that each row normalizes together, and the row of each position."""
    together = norm.together(Spec(shape, names))
    row_of = np.empty(together.size, dtype=int)
    row_of[together] = np.arange(len(together))[:, None]
    together.flags.writeable = row_of.flags.writeable = False
    return together, row_of
