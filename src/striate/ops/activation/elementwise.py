"""What all activations share that treat each number by itself: y = f(x), ∂L/∂x = e · f'(x)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

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
from striate.ops.arrays import Array, silently


@dataclass(frozen=True)
class Elementwise(Operator):
    """An activation without weights; a subclass gives `function`, `derivative` and `symbol`."""

    elementwise: ClassVar[bool] = True
    bends: ClassVar[bool] = True
    symbol: ClassVar[str]
    """How the function is written: σ in σ(conv1[0,2,3])."""

    @abstractmethod
    def function(self, x: Array) -> Array:
        """f(x), number by number."""

    @abstractmethod
    def derivative(self, x: Array) -> Array:
        """f'(x), number by number; where f has a corner, PyTorch's choice."""

    @final
    def shape(self, *inputs: Spec) -> Spec:
        return inputs[0]

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    @final
    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    @final
    def forward(self, call: Call) -> Array:
        with silently():
            return self.function(call.x)

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        with silently():
            return Gradients((error * self.derivative(call.x),))

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        with silently():
            value = self.function(np.asarray(call.x[index])).item()
        return [Term((Factor(value, f"{self.symbol}({{0}})", (Ref(0, index),)),))]

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        with silently():
            slope = self.derivative(np.asarray(call.x[ref.index])).item()
        return [Use(ref.index, (Factor(slope, f"{self.symbol}'({{0}})", (ref,)),))]

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"{self.symbol}({{0}}[{','.join(map(str, index))}])"

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        return f"{{self}}[{place}].grad · {self.symbol}'({{0}}[{place}])"
