"""What ADD, SUB, MUL and DIV share: branches merged number by number, short axes broadcast.

A subclass says how two or more numbers are merged, and what the result's derivative is by each.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import (
    Call,
    Cost,
    Factor,
    Field,
    Gradients,
    Index,
    Operator,
    Reach,
    Ref,
    Spec,
    Term,
    Use,
)
from striate.ops import broadcast
from striate.ops.arrays import Array


@dataclass(frozen=True)
class Broadcasting(Operator):
    """An operator that merges the numbers at one place of its branches."""

    verb: ClassVar[str]
    """What it does to maps, in the third person: adds."""

    @abstractmethod
    def merged(self, *numbers: Array) -> Array:
        """The output, from branches that are broadcast already."""

    @abstractmethod
    def slope(self, branch: int, *numbers: Array) -> Array:
        """The derivative of the output by one branch, at every place."""

    @abstractmethod
    def summands(self, *cells: Factor) -> list[Term]:
        """The products that sum to one output, from the numbers of the branches at its place."""

    @abstractmethod
    def slopes(self, branch: int, *cells: Factor) -> tuple[Factor, ...]:
        """The factors of the derivative by one branch."""

    @abstractmethod
    def written(self, *cells: str) -> str:
        """One output, from its branches' numbers as they are written."""

    @abstractmethod
    def written_slope(self, branch: int, *cells: str) -> str:
        """What follows the error in the gradient of one branch."""

    @final
    def shape(self, *inputs: Spec) -> Spec:
        return broadcast.common(inputs, self.verb)

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(other=(len(inputs) - 1) * self.shape(*inputs).size)

    @final
    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    @final
    def fields(self, *inputs: Spec) -> tuple[Field, ...]:
        return broadcast.fields(inputs, self.shape(*inputs))

    @final
    def forward(self, call: Call) -> Array:
        return self.merged(*np.broadcast_arrays(*call.inputs))

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        whole = np.broadcast_arrays(*call.inputs)
        return Gradients(
            tuple(
                broadcast.summed(error * self.slope(branch, *whole), x)
                for branch, x in enumerate(call.inputs)
            )
        )

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        return self.summands(*_cells(call, index))

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        branch, (picture, *place) = int(ref.source), ref.index
        shape, output = call.inputs[branch].shape[1:], broadcast.like(call.inputs)[1:]
        found = ((picture, *goal) for goal in broadcast.places(shape, output, tuple(place)))
        return [Use(goal, self.slopes(branch, *_cells(call, goal))) for goal in found]

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        return self.written(*_written(index, inputs))

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        output, branch = self.shape(*inputs).shape, int(ref.source)
        longer = [n != most for n, most in zip(inputs[branch].shape, output, strict=True)]
        letters = iter("ijklmn")
        place = [
            next(letters) if long else str(i) for long, i in zip(longer, ref.index, strict=True)
        ]
        cells = [f"{{{k}}}[{broadcast.written(tuple(place), x)}]" for k, x in enumerate(inputs)]
        total = "Σ " if any(longer) else ""
        return f"{total}{{self}}[{','.join(place)}].grad{self.written_slope(branch, *cells)}"


def _cells(call: Call, index: Index) -> list[Factor]:
    """The number of each branch that stands at one place of the output."""
    found = []
    for branch, x in enumerate(call.inputs):
        at = broadcast.cell(x, index)
        found.append(Factor(x[at].item(), refs=(Ref(branch, at),)))
    return found


def _written(place: Index, inputs: tuple[Spec, ...]) -> list[str]:
    return [f"{{{k}}}[{broadcast.written(place, x)}]" for k, x in enumerate(inputs)]
