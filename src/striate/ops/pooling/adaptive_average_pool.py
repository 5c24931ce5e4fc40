"""ADAPTIVEAVGPOOL: average pooling that is told its output size.

    y[c,i,j] = the mean of x[c, ⌊i·h/m⌋ … ⌈(i+1)·h/m⌉-1, ⌊j·w/n⌋ … ⌈(j+1)·w/n⌉-1]

for m x n outputs of h x w cells, so that what follows always finds the same size, whatever the
picture's. Where the size divides the map this is AVGPOOL without overlap.

The gradient is spread evenly: ∂L/∂x = Σ e / (cells of the window) over the windows that see x.

Source: He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks", 2014,
arXiv:1406.4729, section 2.3 (bins in proportion to the picture); the rounding is PyTorch's.

>>> import numpy as np
>>> from striate.graph import Call
>>> AdaptiveAveragePool(2).forward(Call((np.array([[[1.0, 2.0, 6.0]]]),))).tolist()
[[[1.5, 4.0]]]
>>> str(AdaptiveAveragePool(7).shape(Spec((512, 14, 20))))
'512x7x7'
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import final

import numpy as np

from striate.graph import Call, Factor, Index, Ref, Saves, Spec, Term, Use
from striate.ops.arrays import Array
from striate.ops.pooling.adaptive import Adaptive


@final
@dataclass(frozen=True)
class AdaptiveAveragePool(Adaptive):
    """Average pooling to a given size.

    Args:
        size: cells of the output, one number or one per axis.

    Shapes: (C, *spatial) -> (C, *size).
    """

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(inputs=prod(self.shape(*inputs).spatial) > 1)

    def pooled(self, windows: Array) -> Array:
        return windows.mean(axis=-1)

    def spread_back(self, windows: Array, error: Array) -> Array:
        return np.broadcast_to(error[..., None] / windows.shape[-1], windows.shape)

    def terms(self, call: Call, index: Index) -> list[Term]:
        cells = self.cells(index, call.x.shape[2:])
        share = _share(len(cells))
        return [Term((Factor(call.x[cell].item(), refs=(Ref(0, cell),)), share)) for cell in cells]

    def use(self, call: Call, cell: Index, output: Index) -> Use:
        return Use(output, (_share(len(self.cells(output, call.x.shape[2:]))),))

    def formula(self, index: Index, *inputs: Spec) -> str:
        cells = len(self.cells(index, inputs[0].spatial))
        return f"1/{cells} · Σ {{0}}[{index[0]}, {self.window_text(index, *inputs)}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        places = ",".join("ijkl"[: len(ref.index) - 1])
        return f"Σ {{self}}[{ref.index[0]},{places}].grad · 1/cells"


def _share(cells: int) -> Factor:
    return Factor(1 / cells, f"1/{cells}")
