"""RESHAPE: the same numbers in the same order, with other axes.

    y = x, read row by row into the new axes

Nothing is computed: the gradient is the error, reshaped back. Axes that keep their length and their
place in the order (the rows and columns, when channels are split into groups) keep their names too.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020, section "NumPy arrays".

>>> import numpy as np
>>> from striate.graph import Call
>>> Reshape((2, 3)).forward(Call((np.arange(6.0).reshape(1, 6),))).tolist()
[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

from striate.errors import SettingError, ShapeError
from striate.graph import Along, Routes, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Reshape(Rearrangement):
    """Args:
        size: the length of each axis, the batch not counted.

    Shapes: any -> size, of as many numbers.
    """

    label: ClassVar[str] = "reshape"

    size: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.size or min(self.size) < 1:
            raise SettingError(f"a value of {self.size} is empty", remedy="Write RESHAPE 8x7x7.")

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if prod(self.size) != x.size:
            wanted = "x".join(map(str, self.size))
            raise ShapeError(
                f"{{self}} makes {wanted} of {x}: {prod(self.size):,} numbers of {x.size:,}",
                remedy="Give sizes whose product is that of the input's.",
            )
        usual = Spec(self.size).axes
        kept = dict(_kept(x.shape, self.size))
        names = tuple(x.axes[kept[k]] if k in kept else usual[k] for k in range(len(self.size)))
        return Spec(self.size, names if len(set(names)) == len(names) else ())

    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        return Routes(tuple(_route(x.shape, self.size)))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return x.reshape(len(x), *self.size)


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Runs of old axes and of new ones that hold the same numbers, as short as they can be."""
    found, at, to = list[tuple[list[int], list[int]]](), 0, 0
    while at < len(old) or to < len(new):
        left, right, a, b = list[int](), list[int](), 1, 1
        while not (left or right) or a != b:
            if (a <= b and at < len(old)) or to == len(new):
                left.append(at)
                a, at = a * old[at], at + 1
            else:
                right.append(to)
                b, to = b * new[to], to + 1
        found.append((left, right))
    return found


def _kept(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[int, int]]:
    """(new axis, old axis) of those that stay as they are."""
    return [(b[0], a[0]) for a, b in _groups(old, new) if len(a) == len(b) == 1]


def _route(old: tuple[int, ...], new: tuple[int, ...]) -> list[Along | None]:
    found: list[Along | None] = []
    for left, right in _groups(old, new):
        even = len(left) == len(right) == 1
        axis = right[0] if len(right) == 1 else None
        found += [Along(axis, even=even) if right else None] * len(left)
    return found
