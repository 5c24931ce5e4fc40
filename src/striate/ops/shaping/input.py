"""INPUT: where pictures (or signals, sequences of tokens, plain numbers) come in.

>>> str(Input((1, 28, 28)).shape())
'1x28x28'
"""

from __future__ import annotations

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
)
from striate.ops import checked
from striate.ops.arrays import Array


@final
@dataclass(frozen=True)
class Input(Operator):
    """The entrance of a network.

    Args:
        size: channels x height x width of a picture, channels x length of a signal, or a plain
            number of features; of tokens, how many steps.
        tokens: whether the numbers are tokens, whole numbers from 0 on, for an EMBEDDING.
    """

    label: ClassVar[str] = "input"
    numbered: ClassVar[bool] = False
    arity: ClassVar[tuple[int, int | None]] = (0, 0)
    is_input: ClassVar[bool] = True

    size: tuple[int, ...]
    tokens: bool = False

    def __post_init__(self) -> None:
        checked.lengths("an input", self.size, "1x28x28")

    def shape(self, *inputs: Spec) -> Spec:
        return Spec(self.size, ("step",) if self.tokens and len(self.size) == 1 else ())

    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    def field(self, *inputs: Spec) -> Reach:
        return Reach.POINT

    def forward(self, call: Call) -> Array:
        """The picture itself: an engine passes it as the one entry of `call.inputs`."""
        return call.x

    def backward(self, call: Call, error: Array) -> Gradients:
        return Gradients((error,))

    def terms(self, call: Call, index: Index) -> list[Term]:
        return [Term((Factor(call.x[index].item(), "given"),))]

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        return []

    def formula(self, index: Index, *inputs: Spec) -> str:
        return "given"

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        return "0"
