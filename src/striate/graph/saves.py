"""What training keeps of one call of an operator, until its backward has run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.graph.spec import Spec

NUMBER = 4
"""Bytes of a number, in float32."""

INDEX = 8
"""Bytes of the place of a winner."""

MASK = 1
"""Bytes of a yes or no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saves:
    """What PyTorch keeps of a training call, beside the weights; and what it does not copy.

    Args:
        inputs: whether the inputs are kept, or which of them.
        output: whether the output is kept.
        each: bytes for each number of the output, of arrays that nothing else holds: a mask,
            the places of winners.
        own: bytes for each picture, of such arrays whose size is another.
        batch: bytes for a whole batch, of such arrays: statistics.
        views: whether the output lies in memory that is there already: that of the first input,
            or of a weight.
        hands_on: whether the gradient of the output, uncopied, is that of each input that is as
            large; or of which inputs it is, a part of it or what it is spread to.

    >>> Saves(output=True, each=MASK).beside(2, Spec((3, 4, 5)))
    120
    """

    inputs: bool | tuple[int, ...] = False
    output: bool = False
    each: int = 0
    own: int = 0
    batch: int = 0
    views: bool = False
    hands_on: bool | tuple[int, ...] = False

    def of(self, inputs: Sequence[Spec]) -> tuple[int, ...]:
        """Which inputs are kept."""
        if isinstance(self.inputs, tuple):
            return self.inputs
        return tuple(range(len(inputs))) if self.inputs else ()

    def beside(self, pictures: int, output: Spec) -> int:
        """Bytes that a batch takes beside inputs and output."""
        return pictures * (self.each * output.size + self.own) + self.batch

    def handed(self, inputs: Sequence[Spec], output: Spec) -> tuple[int, ...]:
        """Which inputs have a gradient that needs no memory of its own."""
        if isinstance(self.hands_on, tuple):
            return self.hands_on
        same = (k for k, x in enumerate(inputs) if x.size == output.size)
        return tuple(same) if self.hands_on else ()
