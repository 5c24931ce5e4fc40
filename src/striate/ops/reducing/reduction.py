"""What MEAN, SUM, MAX and MIN share: one number in place of all those along some axes.

    y[…] = f(x[…, k, …] for all k)        ∂L/∂x[…, k, …] = e[…] · ∂f/∂x[k]

A subclass says what f makes of a row of numbers, and its slope at each of them; which numbers form
a row, and where its result stands, follows from the axes. PyTorch's reductions without a dimension
take the batch too, which no layer may: here no axis means all spatial ones, `dim=(2, 3)` of a
picture. As there, the axes are gone from the result unless they are kept, with length 1.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import final

from striate.errors import ShapeError
from striate.graph import (
    Along,
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Routes,
    Spec,
    Term,
    Use,
)
from striate.ops.arrays import Array
from striate.ops.axes import Axes, numbers, written_once


@dataclass(frozen=True)
class Reduction(Operator):
    """Args:
        axis: its name or number, or several in one text ("row column") or tuple; None for all
            spatial axes of a map.
        keep: whether an axis stays, with length 1 (PyTorch's keepdim).

    Shapes: the axes are left out, or become 1.
    """

    axis: Axes | None = None
    keep: bool = False

    def __post_init__(self) -> None:
        if self.axis is not None:
            object.__setattr__(self, "axis", written_once(self.axis))

    @abstractmethod
    def reduced(self, rows: Array) -> Array:
        """One number for each row, the rows lying along the last axis."""

    @abstractmethod
    def slopes(self, rows: Array) -> Array:
        """The derivative of that number by each one of its row."""

    @abstractmethod
    def summands(self, row: Sequence[Factor]) -> list[Term]:
        """The products that sum to the number of a row."""

    @abstractmethod
    def slope(self, row: Sequence[Factor], place: int) -> Factor:
        """The derivative by the number at one place of a row."""

    @abstractmethod
    def text(self, row: str, length: int) -> str:
        """The number of a row, written."""

    @abstractmethod
    def slope_text(self, number: str, length: int) -> str:
        """What follows the error in the gradient of one number of a row."""

    @final
    def shape(self, *inputs: Spec) -> Spec:
        (x,) = inputs
        axes = self.axes(x)
        if self.keep:
            return Spec(tuple(1 if k in axes else n for k, n in enumerate(x.shape)), x.names)
        left = [k for k in range(x.rank) if k not in axes]
        if not left:
            raise ShapeError(
                f"{{self}} reduces every axis of {x} and leaves none",
                remedy="Write keep=yes: one number then is a value of 1 unit, for each picture.",
            )
        return Spec(tuple(x.shape[k] for k in left), tuple(x.axes[k] for k in left))

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost(connections=inputs[0].size, other=inputs[0].size)

    @final
    def field(self, *inputs: Spec) -> Routes:
        (x,) = inputs
        axes = self.axes(x)
        gone = [0 if self.keep else sum(axis < k for axis in axes) for k in range(x.rank)]
        return Routes(tuple(None if k in axes else Along(k - gone[k]) for k in range(x.rank)))

    @final
    def forward(self, call: Call) -> Array:
        return self.reduced(self._rows(call)).reshape(len(call.x), *self.shape(*call.specs).shape)

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        rows = self._rows(call)
        gradient = self.slopes(rows) * error.reshape(*rows.shape[:-1], 1)
        order = self._order(call.specs[0])
        back = sorted(range(len(order)), key=order.__getitem__)
        return Gradients((gradient.reshape([call.x.shape[k] for k in order]).transpose(back),))

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        return self.summands(_factors(call, self._cells(call, index)))

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        goal = (ref.index[0], *self._goal(ref.index[1:], call.specs[0]))
        cells = self._cells(call, goal)
        return [Use(goal, (self.slope(_factors(call, cells), cells.index(ref.index)),))]

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        (x,) = inputs
        place = (x.axes[k] if at is None else str(at) for k, at in enumerate(self._place(index, x)))
        return self.text(f"{{0}}[{','.join(place)}]", self._length(x))

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        (x,) = inputs
        goal, number = (",".join(map(str, i)) for i in (self._goal(ref.index, x), ref.index))
        return f"{{self}}[{goal}].grad{self.slope_text(f'{{0}}[{number}]', self._length(x))}"

    def axes(self, x: Spec) -> tuple[int, ...]:
        """The numbers of the axes that are reduced, in order.

        Raises:
            ShapeError: there is no such axis, or one is named twice, or none and `x` is flat.
        """
        if self.axis is None:
            if x.rank < 2:
                raise ShapeError(
                    f"{{self}} reduces the spatial axes, but its input is flat ({x} units)",
                    remedy="Name the axis: axis=channel keep=yes makes one number of all units.",
                )
            return tuple(range(1, x.rank))
        return numbers(self.axis, x)

    def _length(self, x: Spec) -> int:
        """How many numbers form a row."""
        return prod(x.shape[k] for k in self.axes(x))

    def _order(self, x: Spec) -> list[int]:
        """The batch and the axes that stay, then those that are reduced."""
        axes = self.axes(x)
        stay = [k + 1 for k in range(x.rank) if k not in axes]
        return [0, *stay, *(k + 1 for k in axes)]

    def _rows(self, call: Call) -> Array:
        (x,) = call.specs
        turned = call.x.transpose(self._order(x))
        stay = turned.shape[: turned.ndim - len(self.axes(x))]
        return turned.reshape(*stay, self._length(x))

    def _goal(self, place: Index, x: Spec) -> Index:
        """Where the result of an input number's row stands; the batch not counted."""
        axes = self.axes(x)
        if self.keep:
            return tuple(0 if k in axes else at for k, at in enumerate(place))
        return tuple(at for k, at in enumerate(place) if k not in axes)

    def _place(self, index: Index, x: Spec) -> list[int | None]:
        """Where the row of an output lies: None along the axes that are reduced."""
        axes, left = self.axes(x), iter(index)
        if self.keep:
            return [None if k in axes else at for k, at in enumerate(index)]
        return [None if k in axes else next(left) for k in range(x.rank)]

    def _cells(self, call: Call, index: Index) -> list[Index]:
        """The row behind an output, in reading order; the batch is axis 0."""
        (x,) = call.specs
        place = zip(self._place(index[1:], x), x.shape, strict=True)
        return list(product(index[:1], *(range(n) if at is None else (at,) for at, n in place)))


def _factors(call: Call, cells: Sequence[Index]) -> list[Factor]:
    return [Factor(call.x[cell].item(), refs=(Ref(0, cell),)) for cell in cells]
