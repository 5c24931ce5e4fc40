"""OPAQUE: an operator that others compute; only its name and the size of its output are known.

    y = f(x_1, …, x_k)                  ∂L/∂x = (∂f/∂x)ᵀ ∂L/∂y

A network that came from elsewhere may hold a layer for which there is no formula here. It stays in
its place: what is before and behind it is explained as ever. Its value and derivatives are those
of whoever computes it (see `striate.pytorch.foreign`), are taken as given, and are said to be. Its
work and its weights are not counted.

Source: Griewank and Walther, "Evaluating Derivatives", 2nd edition, SIAM 2008, section 3.1 (a
derivative by one number is a forward sweep along it, exact up to rounding).

>>> Opaque("torchvision.ops.deform_conv2d", (16, 14, 14)).formula((0, 1, 2))
'torchvision.ops.deform_conv2d({0})[0,1,2]'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, final

import numpy as np

from striate.display import shape_text
from striate.errors import SettingError, StriateError
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
from striate.ops import checked
from striate.ops.arrays import Array

LONGEST = 200


class Foreign(Protocol):
    """What computes an opaque operator, on arrays with the batch axis first."""

    def value(self, *inputs: Array) -> Array:
        """The output (N, *size)."""

    def gradients(self, error: Array, *inputs: Array) -> tuple[Array, ...]:
        """The gradient of each input, from that of the output.

        Raises:
            StriateError: it has none.
        """

    def derivative(self, slot: int, index: Index, *inputs: Array) -> Array:
        """The derivative of every output by one number of one input, shaped as the output.

        Raises:
            StriateError: it has none.
        """


@final
@dataclass(frozen=True)
class Opaque(Operator):
    """An operator whose formula is not known here.

    Args:
        name: what others call it.
        size: the length of each axis of its output.
        function: what computes it; no setting, and not written down with the network: see
            `striate.pytorch.foreign.attach`.

    Shapes: inputs of any -> size.
    """

    label: ClassVar[str] = "opaque"
    arity: ClassVar[tuple[int, int | None]] = (1, None)
    is_foreign: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves(inputs=True, output=True)

    name: str
    size: tuple[int, ...]
    function: Foreign | None = field(
        default=None, compare=False, repr=False, metadata={"setting": False}
    )

    def __post_init__(self) -> None:
        legal = self.name.isprintable() and not {"{", "}"} & set(self.name)
        if not legal or not 0 < len(self.name) <= LONGEST:
            raise SettingError(
                f"an operator cannot be called {self.name[:40]!r}",
                remedy=f"Use up to {LONGEST} printable characters without braces.",
            )
        checked.lengths("a value", self.size, "16x14x14")

    def shape(self, *inputs: Spec) -> Spec:
        return Spec(self.size)

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Reach:
        return Reach.UNKNOWN

    def forward(self, call: Call) -> Array:
        found = np.asarray(self.computed_by.value(*call.inputs), dtype=call.x.dtype)
        self.check(found.shape, len(call.x))
        return found

    def backward(self, call: Call, error: Array) -> Gradients:
        found = self.computed_by.gradients(error, *call.inputs)
        return Gradients(tuple(np.asarray(each, dtype=call.x.dtype) for each in found))

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [Term((Factor(call.y[index].item(), f"{self.name}(…)"),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        slot = int(ref.source)
        slopes = self.computed_by.derivative(slot, ref.index, *call.inputs)
        what = f"∂{self.name}/∂{{0}}"
        return [
            Use(tuple(map(int, output)), (Factor(slopes[tuple(output)].item(), what, (ref,)),))
            for output in np.argwhere(slopes)
        ]

    @property
    def computed_by(self) -> Foreign:
        """What computes it.

        Raises:
            StriateError: nothing here does.
        """
        if self.function is None:
            raise StriateError(
                f"nothing here computes {self.name}",
                remedy="Attach it: striate.pytorch.foreign.attach(graph, {node: function}).",
            )
        return self.function

    def check(self, made: Sequence[int], pictures: int) -> None:
        """Refuse a value of another shape than was said.

        Raises:
            StriateError: the shape that was made is another.
        """
        if tuple(made) != (pictures, *self.size):
            wanted, given = (shape_text(tuple(s)) for s in ((pictures, *self.size), made))
            raise StriateError(
                f"{self.name} was to make {wanted}, pictures first, but made {given or 'a number'}",
                remedy="Write its size as it is, or attach another function.",
            )

    def formula(self, index: Index, *inputs: Spec) -> str:
        read = ", ".join(f"{{{k}}}" for k in range(max(1, len(inputs))))
        return f"{self.name}({read})[{','.join(map(str, index))}]"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = ",".join(map(str, ref.index))
        return f"Σ {{self}}[j].grad · ∂{self.name}[j]/∂{{{ref.source}}}[{place}]"
