"""SLICE: a part of one axis: a run of channels, every second row, a single step.

    y[k] = x[start + k · step]        along the axis, for start + k · step < stop

Nothing is computed: the gradient is the error in its place, and zero elsewhere. Several outputs of
one node (chunk, split, unbind) are several slices of it.

Source: Ma, Zhang, Zheng and Sun, "ShuffleNet V2", ECCV 2018, arXiv:1807.11164, section 3 (channel
split).

>>> import numpy as np
>>> from striate.graph import Call
>>> Slice(1, 3).forward(Call((np.array([[5.0, 6.0, 7.0, 8.0]]),))).tolist()
[[6.0, 7.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.errors import SettingError, ShapeError
from striate.graph import Along, Routes, Saves, Spec, Window
from striate.ops.arrays import Array
from striate.ops.shaping.rearrangement import Rearrangement


@final
@dataclass(frozen=True)
class Slice(Rearrangement):
    """Args:
        start: the first position; negative counts from the end.
        stop: the position after the last one; none for the end of the axis.
        axis: its name or number, the channels unless it is given.
        step: from one position to the next.

    Shapes: the axis becomes ⌈(stop - start) / step⌉ long.
    """

    label: ClassVar[str] = "slice"

    start: int
    stop: int | None = None
    axis: str | int = "channel"
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1:
            raise SettingError(f"step is {self.step}", remedy="Steps are 1 or more; FLIP turns.")

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        axis = x.axis(self.axis)
        taken = len(range(*slice(self.start, self.stop, self.step).indices(x.shape[axis])))
        if not taken:
            raise ShapeError(
                f"{{self}} takes nothing from the {x.shape[axis]} positions of {x.axes[axis]}",
                remedy="Start before the stop, both inside the axis.",
            )
        return x.with_length(axis, taken)

    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        axis = x.axis(self.axis)
        begin, *_ = slice(self.start, self.stop, self.step).indices(x.shape[axis])
        taken = Along(axis, Window(1, stride=self.step, before=-begin))
        return Routes.straight(x.rank, {axis: taken})

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(views=True, hands_on=self.start == 0 and self.step == 1)

    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        (x,) = arrays
        axis = specs[0].axis(self.axis)
        return x[(slice(None),) * (axis + 1) + (slice(self.start, self.stop, self.step),)]
