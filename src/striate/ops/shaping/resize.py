"""RESIZE: maps made larger or smaller, their cells copied or interpolated.

    y[c,i,j] = Σ_u Σ_v A[i,u] · B[j,v] · x[c,u,v]

    ∂L/∂x[c,u,v] = Σ_i Σ_j A[i,u] · B[j,v] · e[c,i,j]

Each axis has a small matrix: row i holds the shares of the n cells in cell i of m, and the gradient
is the product with the transposes. With r = n/m, or 1/scale, cell i lies among the old ones at

    s = (i + 1/2)·r - 1/2          as the middle of each cell is its place
    s = i·(n - 1)/(m - 1)          align_corners: the first and the last cell stay in place
    s = ⌊i·r⌋                      nearest

where t = s - ⌊s⌋ gives the shares

    nearest                        1 of cell s
    linear, bilinear, trilinear    1 - t, t of ⌊s⌋, ⌊s⌋ + 1, with s not below 0
    bicubic                        k(-1 - t), k(-t), k(1 - t), k(2 - t) of ⌊s⌋ - 1 … ⌊s⌋ + 2

with, for a = -3/4,

    k(d) = (a + 2)|d|³ - (a + 3)|d|² + 1 up to |d| = 1,  a(|d|³ - 5|d|² + 8|d| - 4) up to 2

and a cell beyond the border being the one at the border. No filter is widened where a map shrinks
(no antialiasing): cells between those that are read are lost. An AVGPOOL before it keeps them.

In the notation RESIZE 2 is a factor, RESIZE 14x14 a size, and RESIZE size=14 the size of a signal.

Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE Transactions on
Acoustics, Speech, and Signal Processing 29(6), 1981, equation 15 there with a = -1/2; that a is
-3/4, the corners and the rounding are PyTorch's (`torch.nn.Upsample`).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[[0.0, 8.0]]]),))
>>> Resize(2).forward(call).tolist()
[[[0.0, 0.0, 8.0, 8.0]]]
>>> Resize(2, mode="linear").forward(call).tolist()
[[[0.0, 2.0, 6.0, 8.0]]]
>>> Resize(size=(3,), mode="linear", align_corners=True).forward(call).tolist()
[[[0.0, 4.0, 8.0]]]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise, product
from math import floor, prod
from typing import ClassVar, Literal, TypeAlias, final

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Routes,
    Saves,
    Spec,
    Term,
    Use,
    Window,
)
from striate.graph.window import spread
from striate.ops import checked
from striate.ops.arrays import Array

MODES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,), "bicubic": (2,)}
"""PyTorch's words, and the numbers of spatial axes that each is for."""

CellShares: TypeAlias = tuple[tuple[int, Fraction], ...]
"""The cells of an axis that one output is made of, each with its share."""


@final
@dataclass(frozen=True)
class Resize(Operator):
    """Args:
        scale: the factor of every spatial axis; sizes are rounded down.
        size: instead, the new length of each spatial axis, or one for all.
        mode: nearest, linear (one axis), bilinear (two), trilinear (three) or bicubic (two).
        align_corners: whether the first and the last cell stay in place, instead of the borders.

    Shapes: (C, *n) -> (C, *size), or (C, *⌊n · scale⌋).
    """

    label: ClassVar[str] = "resize"
    saves: ClassVar[Saves] = Saves()

    scale: float | None = None
    size: tuple[int, ...] | None = None
    mode: Literal["nearest", "linear", "bilinear", "trilinear", "bicubic"] = "nearest"
    align_corners: bool = False

    def __post_init__(self) -> None:
        if (self.scale is None) == (self.size is None):
            given = "neither a factor nor a size" if self.size is None else "a factor and a size"
            raise SettingError(
                f"RESIZE is told {given}",
                remedy="Write RESIZE 2 for twice as large, or RESIZE 14x14 for that size.",
            )
        if self.scale is not None:
            checked.positive("scale", self.scale, 2)
            whole = int(self.scale)
            object.__setattr__(self, "scale", whole if whole == self.scale else self.scale)
        else:
            checked.lengths("a map", self.size or (), "RESIZE 14x14")
        if self.align_corners and self.mode == "nearest":
            raise SettingError(
                "the nearest cells have no corners to align",
                remedy="Leave align_corners out, or interpolate: RESIZE 2 bilinear align_corners.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        rank = len(x.spatial)
        if rank not in MODES[self.mode]:
            fitting = [mode for mode, ranks in MODES.items() if rank in ranks]
            raise ShapeError(
                f"{{self}} ({self.mode}) cannot resize its {x} input, which has {rank} spatial "
                + ("axis" if rank == 1 else "axes"),
                remedy=f"Write {' or '.join(fitting)}."
                if fitting
                else "Maps of one to three axes can be resized, before FLATTEN.",
            )
        if self.size is not None:
            given: tuple[int, ...] = spread("size", self.size, rank)
            return Spec((x.channels, *given), x.names)
        sizes = tuple(floor(n * (self.scale or 1)) for n in x.spatial)
        if min(sizes) < 1:
            raise ShapeError(
                f"{{self}} leaves nothing of a {x} input",
                remedy=f"Write a factor of {1 / min(x.spatial):.3g} or more.",
            )
        return Spec((x.channels, *sizes), x.names)

    def cost(self, *inputs: Spec) -> Cost:
        (x,) = inputs
        if self.shape(x) == x:
            return Cost()
        taps = x.channels * prod(sum(map(len, axis)) for axis in self.axes(x))
        return Cost(connections=taps, other=0 if self.mode == "nearest" else taps)

    def field(self, *inputs: Spec) -> Routes | Reach:
        (x,) = inputs
        ways = [_way(k, *axis) for k, axis in enumerate(zip(self.axes(x), x.spatial, strict=True))]
        return Reach.UNEVEN if None in ways else Routes((Along(0), *ways))

    def forward(self, call: Call) -> Array:
        y = call.x
        for at, axis in enumerate(self.axes(call.specs[0]), 2):
            cells, shares = _columns(axis)
            # Cells are picked, as infinity times the many zeros of the matrix would be no number.
            parts = np.moveaxis(y, at, -1)[..., cells] * shares.astype(y.dtype)
            y = np.moveaxis(parts.sum(axis=-1), -1, at)
        return y

    def backward(self, call: Call, error: Array) -> Gradients:
        (x,) = call.specs
        for at, (axis, n) in enumerate(zip(self.axes(x), x.spatial, strict=True), 2):
            matrix = np.zeros((len(axis), n), dtype=error.dtype)
            for output, shares in enumerate(axis):
                for cell, share in shares:
                    matrix[output, cell] = share
            error = np.moveaxis(np.moveaxis(error, at, -1) @ matrix, -1, at)
        return Gradients((error,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        found = []
        for cell, share in self._made_of(index[2:], call.specs[0]):
            at = (*index[:2], *cell)
            number = Factor(call.x[at].item(), refs=(Ref(0, at),))
            found.append(Term((number,) if share == 1 else (_factor(share), number)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, channel, *cell = ref.index
        going = [
            [(output, share) for output, made in enumerate(axis) for at, share in made if at == p]
            for axis, p in zip(self.axes(call.specs[0]), cell, strict=True)
        ]
        return [
            Use((picture, channel, *place), (_factor(share),)) for place, share in _joined(going)
        ]

    def formula(self, index: Index, *inputs: Spec) -> str:
        written = [
            f"{_text(share)} · " * (share != 1) + f"{{0}}[{','.join(map(str, (index[0], *cell)))}]"
            for cell, share in self._made_of(index[1:], inputs[0])
        ]
        return " + ".join(written[:MOST_WRITTEN]) + " + …" * (len(written) > MOST_WRITTEN)

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijk"[: len(ref.index) - 1])
        of = ", ".join(map(str, ref.index[1:]))
        return f"Σ {{self}}[{ref.index[0]},{places}].grad · share of ({of})"

    def axes(self, x: Spec) -> list[tuple[CellShares, ...]]:
        """For each spatial axis, and each output along it, the cells that it is made of."""
        made = zip(x.spatial, self.shape(x).spatial, strict=True)
        return [_axis(n, m, self._step_by(n, m, x), self.mode, self.align_corners) for n, m in made]

    def _step_by(self, n: int, m: int, x: Spec) -> float | None:
        """The factor that places follow, or None where PyTorch lets them follow the sizes."""
        shortcuts = {"nearest": (n, 2 * n) if x.rank > 2 else (), "bicubic": ()}
        return None if m in shortcuts.get(self.mode, (n,)) else self.scale

    def _made_of(self, place: Index, x: Spec) -> Iterator[tuple[Index, Fraction]]:
        return _joined([axis[o] for axis, o in zip(self.axes(x), place, strict=True)])


MOST_WRITTEN = 4
"""Terms of a formula that are written out."""

HALF, A = Fraction(1, 2), Fraction(-3, 4)


@lru_cache(maxsize=256)
def _axis(
    n: int, m: int, scale: float | None, mode: str, align_corners: bool
) -> tuple[CellShares, ...]:
    """The shares of n cells in each of m, exact, so that a share of nothing is none."""
    step = Fraction(n, m)
    if scale is not None:  # 1.1 is 11/10, not the float nearest to it
        step = 1 / (Fraction(scale).limit_denominator(10**7) or Fraction(scale))
    if mode == "nearest":
        return tuple(((min(floor(k * step), n - 1), Fraction(1)),) for k in range(m))
    if align_corners:
        step = Fraction(n - 1, max(1, m - 1))
    places = (k * step if align_corners else (k + HALF) * step - HALF for k in range(m))
    if mode == "bicubic":
        return tuple(_shares(place, n, _cubic, 2) for place in places)
    return tuple(_shares(max(place, Fraction(0)), n, lambda d: 1 - d, 1) for place in places)


def _shares(
    place: Fraction, n: int, share: Callable[[Fraction], Fraction], reach: int
) -> CellShares:
    """The cells up to `reach` from a place, each with its share by its distance."""
    found = dict[int, Fraction]()
    for cell in range(floor(place) - reach + 1, floor(place) + reach + 1):
        inside = min(max(cell, 0), n - 1)
        found[inside] = found.get(inside, Fraction(0)) + share(abs(place - cell))
    return tuple((cell, part) for cell, part in found.items() if part)


def _cubic(d: Fraction) -> Fraction:
    if d <= 1:
        return (A + 2) * d**3 - (A + 3) * d**2 + 1
    return A * (d**3 - 5 * d**2 + 8 * d - 4)


def _joined(
    axes: list[CellShares] | list[list[tuple[int, Fraction]]],
) -> Iterator[tuple[Index, Fraction]]:
    """Places on all axes, each with the product of its shares."""
    for each in product(*axes):
        yield tuple(at for at, _ in each), prod((share for _, share in each), start=Fraction(1))


def _columns(axis: tuple[CellShares, ...]) -> tuple[Array, Array]:
    """Cells and their shares, each (outputs, most); shorter rows end in shares of 0."""
    most = max(map(len, axis))
    filled = [(*row, *[(row[0][0], Fraction(0))] * (most - len(row))) for row in axis]
    cells = np.array([[cell for cell, _ in row] for row in filled])
    return cells, np.array([[float(share) for _, share in row] for row in filled])


def _way(axis: int, shares: tuple[CellShares, ...], n: int) -> Along | None:
    """Where a spatial axis goes: under a window that slides evenly, or cell by cell, or neither."""
    seen = [sorted(cell for cell, _ in row) for row in shares]
    first, last = seen[0][0], seen[-1][-1]
    alike = len({tuple(cell - row[0] for cell in row) for row in seen}) == 1
    step, *steps = {after[0] - before[0] for before, after in pairwise(seen)} or {1}
    gap, *gaps = {after - before for before, after in pairwise(seen[0])} or {1}
    if alike and step and not steps and not gaps:
        return Along(axis + 1, Window(len(seen[0]), step, gap, -first, last + 1 - n))
    return Along(axis + 1, even=False) if max(map(len, seen)) == 1 else None


def _text(share: Fraction) -> str:
    return str(share) if share.denominator < 1000 else f"{float(share):.6g}"


def _factor(share: Fraction) -> Factor:
    """The share with a label that says it to the last digit: labels are asked about."""
    exact = str(share) if share.denominator < 1000 else repr(float(share))
    return Factor(float(share), exact)
