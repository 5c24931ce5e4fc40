"""MAPLOSS: the right class's penalty small, all others' large, as far as it matters.

    L = y[t] + log(e⁻ʲ + Σ_k e^(-y[k]))

for penalties y (distances, as RBF units give them), the right class t and a constant j. The
first term pulls the right penalty down; the second pushes the others up, in proportion to how
likely each makes its class. j is the penalty of one more class, rubbish: classes whose penalty
is far above it are left alone, and the network cannot shrink everything to one point.

The gradient, with p[k] = e^(-y[k]) / (e⁻ʲ + Σ_m e^(-y[m])):

    ∂L/∂y[k] = [k = t] - p[k]

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, equation 9 (maximum a posteriori).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[0.0, np.log(4.0)]]),), target=np.array([1]))
>>> MapLoss(j=0.0).forward(call).round(6).tolist(), round(float(np.log(4) + np.log(2.25)), 6)
([2.197225], 2.197225)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, final

import numpy as np

from striate.errors import SettingError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Spec,
    Term,
    Use,
)
from striate.ops.arrays import Array
from striate.ops.loss.target import class_scores, one_hot, score_names


@final
@dataclass(frozen=True)
class MapLoss(Operator):
    """LeNet-5's discriminative loss over penalties.

    Args:
        j: the penalty of the rubbish class.

    Shapes: penalties (classes,) and a class index, or shares (classes,) -> one number.
    """

    label: ClassVar[str] = "loss"
    numbered: ClassVar[bool] = False
    is_loss: ClassVar[bool] = True

    j: float = 1.0

    def __post_init__(self) -> None:
        if not isfinite(self.j):
            raise SettingError(f"j is {self.j}", remedy="It is a penalty: a number, such as 1.")

    def shape(self, *inputs: Spec) -> Spec:
        return class_scores(inputs[0])

    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def forward(self, call: Call) -> Array:
        loss: Array = (one_hot(call) * call.x).sum(axis=1) + self._log_total(call.x)
        return loss

    def backward(self, call: Call, error: Array) -> Gradients:
        likely = np.exp(-call.x - self._log_total(call.x)[:, None])
        return Gradients((error[:, None] * (one_hot(call) - likely),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        (picture,) = index
        cells = [Ref(0, (picture, k)) for k in range(call.x.shape[1])]
        found = [
            Term((Factor(wanted, f"{wanted:g}"), Factor(call.x[cell.index], refs=(cell,))))
            for cell, wanted in zip(cells, one_hot(call)[picture].tolist(), strict=True)
            if wanted
        ]
        total = self._log_total(call.x[picture : picture + 1]).item()
        label = f"log(exp(-{self.j:g}) + Σ exp(-({score_names(len(cells))})))"
        return [*found, Term((Factor(total, label, tuple(cells)),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, k = ref.index
        total = self._log_total(call.x[picture : picture + 1]).item()
        likely = np.exp(-call.x[ref.index] - total).item()
        wanted = one_hot(call)[ref.index].item()
        return [Use((picture,), (Factor(wanted - likely, f"({wanted:g} - p[{k}])", (ref,)),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"{{0}}[target] + log(exp(-{self.j:g}) + Σ exp(-{{0}}[k]))"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        k = ref.index[0]
        total = f"(exp(-{self.j:g}) + Σ exp(-{{0}}[m]))"
        return f"{{self}}.grad · ([target={k}] - exp(-{{0}}[{k}]) / {total})"

    def _log_total(self, y: Array) -> Array:
        """log(e⁻ʲ + Σ e^(-y)), one number a picture."""
        least = np.minimum(y.min(axis=1), self.j)
        powers = np.exp(least[:, None] - y).sum(axis=1) + np.exp(least - self.j)
        return np.log(powers) - least
