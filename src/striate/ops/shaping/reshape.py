"""RESHAPE: the same numbers in the same order, with other axes.

    y = x, read row by row into the new axes

Nothing is computed: the gradient is the error, reshaped back. Axes that keep their length and their
place in the order (the rows and columns, when channels are split into groups) keep their names too.
An axis of -1 takes what is left; one of 0 stays, whatever its length: RESHAPE 2x58x0x0 splits 116
channels of maps of any size.

Source: Harris et al., "Array programming with NumPy", Nature 585, 2020, section "NumPy arrays".

>>> import numpy as np
>>> from striate.graph import Call
>>> Reshape((2, 3)).forward(Call((np.arange(6.0).reshape(1, 6),))).tolist()
[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
>>> str(Reshape((2, -1, 0, 0)).shape(Spec((116, 28, 20))))
'2x58x28x20'
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar, final

from striate.display import shape_text
from striate.errors import SettingError, ShapeError
from striate.graph import Along, Routes, Saves, Spec
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Reshape(Rearrangement):
    """Args:
        size: the length of each axis, the batch not counted; -1 for one that takes what is left,
            0 for one that stays: the first axes, or the last, of the input.

    Shapes: any -> size, of as many numbers.
    """

    label: ClassVar[str] = "reshape"
    saves: ClassVar[Saves] = Saves(views=True, hands_on=True)

    size: tuple[int, ...]

    def __post_init__(self) -> None:
        inner = self.size[slice(*_ends(self.size))]
        if not self.size or min(inner, default=1) < -1 or 0 in inner or inner.count(-1) > 1:
            raise SettingError(
                f"{shape_text(self.size, 'nothing')} is no size",
                remedy="Write RESHAPE 8x7x7; one axis may be -1, and the first or last ones 0.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        size, names = self.lengths(x), list(Spec(self.size).axes)
        for left, right in self._runs(x):
            if len(left) == len(right) == 1:
                names[right[0]] = x.axes[left[0]]
        return Spec(size, tuple(names) if len(set(names)) == len(names) else ())

    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        goes = list[Along | None]()
        for left, right in self._runs(x):
            axis = right[0] if len(right) == 1 else None
            even = len(left) == len(right) == 1
            goes += [Along(axis, even=even) if right else None] * len(left)
        return Routes(tuple(goes))

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        return x.reshape(len(x), *self.lengths(specs[0]))

    def lengths(self, x: Spec) -> tuple[int, ...]:
        """The length of each axis of the output.

        Raises:
            ShapeError: it would hold more or fewer numbers than `x`.
        """
        start, stop = _ends(self.size)
        end = stop - len(self.size) + x.rank
        if start > end:
            raise ShapeError(
                f"{{self}} keeps {len(self.size) - stop + start} axes of {x}, which has {x.rank}",
                remedy="Write fewer 0.",
            )
        old, new = x.shape[start:end], self.size[start:stop]
        rest = prod(old) // abs(prod(new))
        new = tuple(rest if n < 0 else n for n in new)
        if prod(old) != prod(new):
            wanted = shape_text(self.size)
            raise ShapeError(
                f"{{self}} makes {wanted} of {x}: {prod(new):,} numbers of {prod(old):,}",
                remedy="Give sizes whose product is that of the input's.",
            )
        return (*x.shape[:start], *new, *x.shape[end:])

    def _runs(self, x: Spec) -> list[tuple[list[int], list[int]]]:
        """Runs of the input's axes and of the output's that hold the same numbers."""
        new, (start, stop) = self.lengths(x), _ends(self.size)
        end = stop - len(new) + x.rank
        inner = _groups(x.shape[start:end], new[start:stop])
        return [
            *(([k], [k]) for k in range(start)),
            *(([start + k for k in a], [start + k for k in b]) for a, b in inner),
            *(([k], [k - end + stop]) for k in range(end, x.rank)),
        ]


def _ends(size: tuple[int, ...]) -> tuple[int, int]:
    """Where the axes begin and end that do not stay: 0 at either end of a size is one that does."""
    start = next((k for k, n in enumerate(size) if n), len(size))
    return start, max((k + 1 for k, n in enumerate(size) if n), default=start)


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
