"""What training keeps of one call of an operator, until its backward has run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from striate.graph.spec import Spec


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes of arrays, as far as they depend on the type of the numbers and as far as not.

    >>> (3 * NUMBER + MASK).at(8)
    25

    Args:
        numbers: how many numbers there are.
        fixed: bytes of what is of one size beside every type.
    """

    numbers: int = 0
    fixed: int = 0

    def at(self, width: int) -> int:
        """The bytes, where a number takes `width` of them."""
        return width * self.numbers + self.fixed

    def __add__(self, other: Bytes | int) -> Bytes:
        more = other if isinstance(other, Bytes) else Bytes(0, other)
        return Bytes(self.numbers + more.numbers, self.fixed + more.fixed)

    __radd__ = __add__

    def __mul__(self, count: int) -> Bytes:
        return Bytes(self.numbers * count, self.fixed * count)

    __rmul__ = __mul__

    def __floordiv__(self, count: int) -> Bytes:
        return Bytes(self.numbers // count, self.fixed // count)


WIDTH = 4
"""Bytes of a number in float32."""

NUMBER = Bytes(1)
"""A number, in the type that a network computes in."""

INDEX = Bytes(0, 8)
"""The place of a winner."""

MASK = Bytes(0, 1)
"""A yes or no."""


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
    each: Bytes | int = 0
    own: Bytes | int = 0
    batch: Bytes | int = 0
    views: bool = False
    hands_on: bool | tuple[int, ...] = False

    def of(self, inputs: Sequence[Spec]) -> tuple[int, ...]:
        """Which inputs are kept."""
        if isinstance(self.inputs, tuple):
            return self.inputs
        return tuple(range(len(inputs))) if self.inputs else ()

    def beside(self, pictures: int, output: Spec, width: int = WIDTH) -> int:
        """Bytes that a batch takes beside inputs and output, where a number takes `width`."""
        return (Bytes() + pictures * (self.each * output.size + self.own) + self.batch).at(width)

    def handed(self, inputs: Sequence[Spec], output: Spec) -> tuple[int, ...]:
        """Which inputs have a gradient that needs no memory of its own."""
        if isinstance(self.hands_on, tuple):
            return self.hands_on
        same = (k for k, x in enumerate(inputs) if x.size == output.size)
        return tuple(same) if self.hands_on else ()
