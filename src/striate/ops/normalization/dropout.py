"""DROPOUT: while training, units are switched off at random; what remains is scaled up.

    y = x · mask / (1 - rate)        mask = 0 with probability rate, else 1

so that the expected value stays. Without training nothing happens: y = x. No unit can rely on
one other unit, which works like an average over many thinned networks.

The gradient takes the same way: ∂L/∂x = e · mask / (1 - rate).

Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to
Prevent Neural Networks from Overfitting", JMLR 15, 2014, section 4 (there the test weights are
scaled down instead, which comes to the same; section 10 names both).

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[1.0, 2.0, 3.0]]),), training=True, noise=np.array([[1.0, 0.0, 1.0]]))
>>> Dropout(0.5).forward(call).tolist()
[[2.0, 0.0, 6.0]]
"""

from __future__ import annotations

from dataclasses import dataclass
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
    Saves,
    Spec,
    Term,
    Use,
)
from striate.graph.saves import NUMBER
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Dropout(Operator):
    """Random silence while training.

    Args:
        rate: the share of units that are switched off, from 0 up to below 1.

    Shape: any, unchanged. The noise of a training call is the mask: 1 to keep, 0 to drop.
    """

    label: ClassVar[str] = "dropout"
    is_random: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True
    passes_on: ClassVar[bool] = True

    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise SettingError(
                f"the dropout rate is {self.rate}",
                remedy="It is the share that is dropped: 0 or more, below 1.",
            )

    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def draw(self, generator: np.random.Generator, *inputs: Array) -> Array:
        kept = generator.random(inputs[0].shape) >= self.rate
        return kept.astype(inputs[0].dtype)

    def kept(self, *inputs: Spec) -> Saves:
        return Saves(each=NUMBER) if self.rate else Saves(views=True, hands_on=True)

    def forward(self, call: Call) -> Array:
        return call.x * self._mask(call) / (1 - self.rate) if call.training else call.x

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error * self._mask(call) / (1 - self.rate) if call.training else error,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        cell = Factor(call.x[index], refs=(Ref(0, index),))
        return [Term((cell, *self._gate(call, index)))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use(ref.index, self._gate(call, ref.index) or (Factor(1.0, "1"),))]

    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        return f"{{0}}[{place}] (while training · mask[{place}] / (1 - {self.rate:g}))"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        return f"{{self}}[{place}].grad (while training · mask[{place}] / (1 - {self.rate:g}))"

    def _mask(self, call: Call) -> Array:
        if call.noise is None:
            raise SettingError(
                "dropout has no mask", remedy="Draw one (operator.draw), or switch training off."
            )
        return call.noise

    def _gate(self, call: Call, index: Index) -> tuple[Factor, ...]:
        """What a unit is multiplied by while training; nothing otherwise."""
        if not call.training:
            return ()
        if not self._mask(call)[index]:
            return (Factor(0.0, "0 (dropped)"),)
        return (Factor(1 / (1 - self.rate), f"1/(1 - {self.rate:g})"),)
