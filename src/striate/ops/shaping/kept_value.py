"""What LEARNED and CONSTANT share: a value that is there without anything being read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
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
    Saves,
    Spec,
    Term,
    Use,
    Weight,
)
from striate.ops import checked
from striate.ops.arrays import Array


@dataclass(frozen=True)
class KeptValue(Operator):
    """An operator without inputs whose output is its one weight, the same for every picture."""

    arity: ClassVar[tuple[int, int | None]] = (0, 0)
    saves: ClassVar[Saves] = Saves(views=True)

    size: tuple[int, ...]

    @property
    @abstractmethod
    def role(self) -> str:
        """The role of the weight."""

    def __post_init__(self) -> None:
        checked.lengths("a value", self.size, "64x1x1")

    @final
    def shape(self, *inputs: Spec) -> Spec:
        return Spec(self.size)

    @final
    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        return {"value": Weight(self.size, 1, 1, role=self.role)}

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    @final
    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    @final
    def forward(self, call: Call) -> Array:
        return np.repeat(call.weights["value"][None], call.pictures, axis=0)

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((), {"value": error.sum(axis=0)} if self.role != "constant" else {})

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        _, *place = index
        ref = Ref("value", tuple(place))
        return [Term((Factor(call.weights["value"][ref.index].item(), refs=(ref,)),))]

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return [Use((n, *ref.index), (Factor(1.0, "1"),)) for n in range(call.pictures)]

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        return f"value[{','.join(map(str, index))}]"

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return f"Σ {{self}}[{','.join(map(str, ref.index))}].grad over the pictures"
