"""PAD: cells put around the input: zeros, a constant, or its own cells again.

    zero, a number      y outside is that number
    reflect             … x[2] x[1] | x[0] x[1] x[2] …      mirrored at the border cell
    replicate           … x[0] x[0] | x[0] x[1] x[2] …      the border cell repeated
    circular            … x[n-2] x[n-1] | x[0] x[1] …       the other end

The gradient of a cell is the sum of the errors of all its copies.

Source: Dumoulin and Visin, arXiv:1603.07285, section 2; Liu et al., "Partial Convolution based
Padding", arXiv:1811.11718, section 1 (the kinds compared).

>>> import numpy as np
>>> from striate.graph import Call
>>> Pad(1, "reflect").forward(Call((np.array([[[5.0, 6.0, 7.0]]]),))).tolist()
[[[6.0, 5.0, 6.0, 7.0, 6.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError, ShapeError
from striate.graph import Along, Routes, Saves, Spec, Window
from striate.graph.field import POSITION
from striate.graph.window import checked_padding, windows
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""Our words (PyTorch's), and NumPy's."""


@final
@dataclass(frozen=True)
class Pad(Rearrangement):
    """Args:
        sides: cells on every side, or per axis, or (before, after) per axis: of the spatial axes,
            or of all axes, channels first, where there are as many entries.
        mode: a number to fill with, or reflect, replicate, circular.

    Shapes: (C, *n) -> (C, *(before + n + after)).
    """

    label: ClassVar[str] = "pad"
    counts_channels: ClassVar[frozenset[str]] = frozenset({"sides"})

    sides: int | tuple[int, ...] | tuple[tuple[int, ...], ...]
    mode: float | str = 0.0

    def __post_init__(self) -> None:
        given = self.sides if isinstance(self.sides, tuple) else (self.sides,)
        both = (each * 2 if isinstance(each, tuple) and len(each) == 1 else each for each in given)
        padding = checked_padding(tuple(both))  # type: ignore[arg-type]
        if isinstance(padding, int) and len(given) > 1:
            padding = (padding,) * len(given)  # of all axes, where one number is of the spatial
        object.__setattr__(self, "sides", 0 if padding == "valid" else padding)
        if isinstance(self.mode, str) and self.mode not in MODES:
            remedy = f"Write a number, or {', '.join(MODES)}."
            raise SettingError(f"padding is {self.mode}", remedy=remedy)

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        sides = self.windows(x)
        for n, w, axis in zip(x.shape, sides, x.axes, strict=True):
            most = {"reflect": n - 1, "circular": n}.get(str(self.mode))
            wanted = max(w.before, w.after)
            if most is not None and wanted > most:
                raise ShapeError(
                    f"{{self}} pads {axis} by {wanted}, more than {self.mode} can",
                    remedy=f"With {n} cells it is {most} at most.",
                )
        return Spec(tuple(w.outputs(n) for n, w in zip(x.shape, sides, strict=True)), x.names)

    def field(self, *inputs: Spec) -> Routes:
        even, sides = not isinstance(self.mode, str), enumerate(self.windows(*inputs))
        return Routes(tuple(Along(k, w, even=even or w == POSITION) for k, w in sides))

    @property
    def filling(self) -> float:
        return 0.0 if isinstance(self.mode, str) else self.mode

    def kept(self, *inputs: Spec) -> Saves:
        copies = isinstance(self.mode, float) or self.mode == "circular"
        return Saves(inputs=not copies)

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,), sides = arrays, [(0, 0), *((w.before, w.after) for w in self.windows(specs[0]))]
        if isinstance(self.mode, str):
            return np.pad(x, sides, mode=MODES[self.mode])  # type: ignore[call-overload]
        return np.pad(x, sides, constant_values=constant)

    def windows(self, x: Spec) -> tuple[Window, ...]:
        """One position with its padding, for each axis of the input."""
        counted = len(self.sides) if isinstance(self.sides, tuple) else 0
        axes = x.rank if counted == x.rank or x.rank == 1 else x.rank - 1
        padded = windows(axes, 1, padding=self.sides)  # type: ignore[arg-type]
        return (POSITION,) * (x.rank - axes) + padded
