"""SQUAREDERROR: half the squared distance from what was wanted.

    L = ½ Σ_k (y[k] - t[k])²        ∂L/∂y[k] = y[k] - t[k]

for outputs y and wanted values t; a class number stands for 1 at the class and 0 elsewhere. Over
a map or sequence, L is the mean of its positions.

Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
Nature 323, 1986, equation 3; Bouvrie, "Notes on Convolutional Neural Networks", 2006, equation 1.

>>> import numpy as np
>>> from striate.graph import Call
>>> SquaredError().forward(Call((np.array([[3.0, 1.0]]),), target=np.array([1]))).tolist()
[4.5]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from striate.graph import Cost, Factor, Index, Ref, Saves, Spec, Term
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array
from striate.ops.loss.row_loss import RowLoss, over_places, per_place
from striate.ops.loss.target import Rows


@final
@dataclass(frozen=True)
class SquaredError(RowLoss):
    """Half the sum of squares.

    Shapes: (units, *positions), and class numbers (*positions) or wanted values
    (units, *positions) -> one number.
    """

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(own=NUMBER * inputs[0].size)

    def losses(self, given: Rows) -> Array:
        losses: Array = ((given.scores - given.wanted) ** 2).sum(axis=1) / 2
        return losses

    def slopes(self, given: Rows) -> Array:
        slopes: Array = given.scores - given.wanted
        return slopes

    def row_terms(self, given: Rows, row: int, scores: Sequence[Ref]) -> list[Term]:
        distances = [_distance(given, row, cell) for cell in scores]
        return [Term((Factor(0.5, "1/2"), distance, distance)) for distance in distances]

    def row_use(self, given: Rows, row: int, score: Ref) -> tuple[Factor, ...]:
        return (_distance(given, row, score),)

    def formula(self, index: Index, *inputs: Spec) -> str:
        return over_places("1/2 · Σ ({0}[k] - target[k])²", inputs[0])

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        return per_place(f"{{self}}.grad · ({{0}}[{place}] - target[{place}])", inputs[0])


def _distance(given: Rows, row: int, cell: Ref) -> Factor:
    k = cell.index[1]
    wanted = given.wanted[row, k].item()
    return Factor(given.scores[row, k].item() - wanted, f"({{0}} - {wanted:g})", (cell,))
