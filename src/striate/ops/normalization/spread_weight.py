"""What SCALE and SHIFT share: a learned weight that is spread over the input."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

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
    Weight,
)
from striate.ops import broadcast
from striate.ops.arrays import Array

ONE = Factor(1.0, "1")


@dataclass(frozen=True)
class SpreadWeight(Operator):
    """An operator of each number and the number of its weight that stands at its place."""

    role: ClassVar[str]
    """The role of the weight."""
    sign: ClassVar[str]
    """What stands between the two in the formula."""

    size: tuple[int, ...] | None = None

    @abstractmethod
    def merged(self, x: Array, weight: Array) -> Array:
        """The output."""

    @abstractmethod
    def slopes(self, x: Array, weight: Array) -> tuple[Array | float, Array | float]:
        """The derivatives by the input and by the weight, at every place."""

    @abstractmethod
    def summands(self, x: Factor, weight: Factor) -> list[Term]:
        """The products that sum to one output."""

    @abstractmethod
    def factors(self, x: Factor, weight: Factor) -> tuple[Factor, Factor]:
        """The derivatives by the input and by the weight, at one place."""

    @final
    def shape(self, *inputs: Spec) -> Spec:
        self.spread(inputs[0])
        return inputs[0]

    @final
    def spread(self, x: Spec) -> tuple[int, ...]:
        """The shape of the weight: as given, or one number per channel.

        Raises:
            ShapeError: it does not fit the input.
        """
        if self.size is None:
            return (x.channels, *[1] * (x.rank - 1))
        return broadcast.fitted(self.size, x)

    @final
    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        return {"weight": Weight(self.spread(inputs[0]), 1, 1, role=self.role)}

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=inputs[0].size)

    @final
    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    @final
    def forward(self, call: Call) -> Array:
        return self.merged(call.x, call.weights["weight"])

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        weight = call.weights["weight"]
        by_x, by_weight = self.slopes(call.x, weight)
        own = broadcast.summed(error * by_weight, weight[None]).sum(axis=0)
        return Gradients((error * by_x,), {"weight": own})

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        return self.summands(*_numbers(call, index))

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        if ref.source == 0:
            by_x, _ = self.factors(*_numbers(call, ref.index))
            return [Use(ref.index, (by_x,))]
        goals = broadcast.places(call.weights["weight"].shape, call.x.shape[1:], ref.index)
        every = [(n, *goal) for goal in goals for n in range(len(call.x))]
        return [Use(goal, (self.factors(*_numbers(call, goal))[1],)) for goal in every]

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        place = ",".join(map(str, index))
        at = broadcast.written(index, Spec(self.spread(inputs[0])))
        return f"{{0}}[{place}] {self.sign} weight[{at}]"


def _numbers(call: Call, index: Index) -> tuple[Factor, Factor]:
    """The input's number at an index, and the weight's that stands there."""
    weight = call.weights["weight"]
    at = broadcast.cell(weight[None], (0, *index[1:]))[1:]
    return (
        Factor(call.x[index].item(), refs=(Ref(0, index),)),
        Factor(weight[at].item(), refs=(Ref("weight", at),)),
    )
