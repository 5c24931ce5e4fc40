"""ADAPTIVEMAXPOOL: max-pooling that is told its output size. Size 1 is global max-pooling.

    y[c,i,j] = the largest of x[c, ⌊i·h/m⌋ … ⌈(i+1)·h/m⌉-1, ⌊j·w/n⌋ … ⌈(j+1)·w/n⌉-1]

for m x n outputs of h x w cells, so that what follows always finds the same size, whatever the
picture's.

The gradient goes to the winner only: ∂L/∂x is the sum of e over the windows that x won. Among
equals the first in reading order wins.

Source: He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks", 2014,
arXiv:1406.4729, section 2.3 (bins in proportion to the picture); the rounding is PyTorch's.

>>> import numpy as np
>>> from striate.graph import Call
>>> AdaptiveMaxPool(2).forward(Call((np.array([[[1.0, 2.0, 6.0]]]),))).tolist()
[[[2.0, 6.0]]]
>>> str(AdaptiveMaxPool().shape(Spec((512, 14, 20))))
'512x1x1'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Call, Factor, Index, Ref, Saves, Spec, Term, Use
from striate.graph.saves import INDEX
from striate.ops.arrays import Array
from striate.ops.pooling.adaptive import Adaptive


@final
@dataclass(frozen=True)
class AdaptiveMaxPool(Adaptive):
    """Max-pooling to a given size.

    Args:
        size: cells of the output, one number or one per axis.

    Shapes: (C, *spatial) -> (C, *size).
    """

    saves: ClassVar[Saves] = Saves(inputs=True, each=INDEX)

    def pooled(self, windows: Array) -> Array:
        return windows.max(axis=-1)

    def spread_back(self, windows: Array, error: Array) -> Array:
        back = np.zeros_like(windows)
        winners = windows.argmax(axis=-1, keepdims=True)
        np.put_along_axis(back, winners, error[..., None], axis=-1)
        return back

    def terms(self, call: Call, index: Index) -> list[Term]:
        cell = self._winner(call, index)
        return [Term((Factor(call.x[cell].item(), refs=(Ref(0, cell),)),))]

    def use(self, call: Call, cell: Index, output: Index) -> Use:
        won = self._winner(call, output) == cell
        label = "1 (the largest of its window)" if won else "0 (not the largest)"
        return Use(output, (Factor(float(won), label),))

    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"max of {{0}}[{index[0]}, {self.window_text(index, *inputs)}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijkl"[: len(ref.index) - 1])
        cell = ",".join(map(str, ref.index))
        return f"Σ {{self}}[{ref.index[0]},{places}].grad · [{{0}}[{cell}] is the largest]"

    def _winner(self, call: Call, output: Index) -> Index:
        return max(self.cells(output, call.x.shape[2:]), key=lambda cell: call.x[cell])
