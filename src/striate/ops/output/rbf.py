"""RBF: how far the last features are from the picture that each class should look like.

    y[j] = Σ_i (x[i] - code[j,i])²

The codes are not learned: each is the stylized 7x12 bitmap of a digit, of +1 and -1, so that 84
features are compared with it (`striate.ops.output.bitmaps`). The distance is a penalty: the
class with the smallest one is the answer.

The gradient pulls the features to the codes: ∂L/∂x[i] = Σ_j e[j] · 2 · (x[i] - code[j,i]).

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998, equation 7 and figure 3.

>>> from striate.graph import Call
>>> from striate.ops.output.bitmaps import codes
>>> RBF(10).forward(Call((codes()[7:8],)))[0].argmin().item()
7
>>> RBF(10).forward(Call((codes()[7:8],)))[0, 7].item()
0.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from striate.errors import SettingError, ShapeError
from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
)
from striate.graph.saves import NUMBER
from striate.graph.window import checked_sizes
from striate.ops.arrays import Array
from striate.ops.output.bitmaps import SIZE, codes
from striate.ops.shaping.flatten import Flatten


@final
@dataclass(frozen=True)
class RBF(Operator):
    """Euclidean radial basis function units with fixed codes.

    Args:
        units: how many digits, from 0 on, have a unit.

    Shapes: (84,) -> (units,). A map is flattened first.
    """

    label: ClassVar[str] = "rbf"
    is_penalty: ClassVar[bool] = True

    units: int = 10

    def __post_init__(self) -> None:
        checked_sizes("units", self.units)
        if self.units > len(codes()):
            raise SettingError(
                f"{self.units} RBF units need {self.units} codes, but {len(codes())} are drawn",
                remedy="There is one for each digit: write RBF 10 or less.",
            )

    def before(self, *inputs: Spec) -> Operator | None:
        return Flatten() if inputs[0].rank > 1 else None

    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        if x.shape != (SIZE,):
            raise ShapeError(
                f"{{self}} compares {SIZE} features with 7x12 bitmaps, but its input is {x}",
                remedy=f"Put FC {SIZE} and a squashing function in front.",
            )
        return Spec((self.units,))

    def cost(self, *inputs: Spec) -> Cost:
        products = self.units * SIZE
        return Cost(connections=products, other=3 * products)

    def field(self, *inputs: Spec) -> Reach:
        return Reach.EVERYTHING

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(each=NUMBER * inputs[0].size)

    def forward(self, call: Call) -> Array:
        return (self._distances_njk(call.x) ** 2).sum(axis=2)

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((2 * (error[:, :, None] * self._distances_njk(call.x)).sum(axis=1),))

    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, j = index
        distances = [_distance(call, (picture, i), j) for i in range(SIZE)]
        return [Term((distance, distance)) for distance in distances]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        two = Factor(2.0, "2")
        return [
            Use((ref.index[0], j), (two, _distance(call, ref.index, j))) for j in range(self.units)
        ]

    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"Σ ({{0}}[i] - code[{index[0]},i])²"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        i = ref.index[0]
        return f"Σ {{self}}[j].grad · 2 · ({{0}}[{i}] - code[j,{i}])"

    def _distances_njk(self, x: Array) -> Array:
        """Feature k less code j's cell k, for picture n."""
        return x[:, None, :] - codes()[None, : self.units].astype(x.dtype)


def _distance(call: Call, cell: Index, j: int) -> Factor:
    code = codes()[j, cell[1]].item()
    return Factor(call.x[cell].item() - code, f"({{0}} - {code:g})", (Ref(0, cell),))
