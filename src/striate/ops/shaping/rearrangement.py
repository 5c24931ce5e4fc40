"""What all operators share that move numbers and compute none.

A subclass says how arrays are moved; the rest follows from moving an array of positions:

    y = x[source]        ∂L/∂x[p] = Σ_{q: source[q] = p} e[q]

`source` is the operator's own forward, run on the positions of its inputs' numbers. A place that no
number is moved to (padding) has the source NOWHERE and holds a constant.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import ClassVar, final

import numpy as np

from striate.graph import (
    Call,
    Cost,
    Factor,
    Gradients,
    Index,
    Operator,
    Ref,
    Saves,
    Spec,
    Term,
    Use,
)
from striate.ops.arrays import Array

NOWHERE = -1
"""The source of a place that holds a constant."""


@dataclass(frozen=True)
class Rearrangement(Operator):
    """An operator whose every output is one input number, or a constant."""

    only_moves: ClassVar[bool] = True
    saves: ClassVar[Saves] = Saves()

    @abstractmethod
    def moved(self, arrays: tuple[Array, ...], specs: tuple[Spec, ...], constant: float) -> Array:
        """The arrays, batch axis first, moved; `constant` where no number is moved to."""

    @property
    def filling(self) -> float:
        """The constant of places that no number is moved to."""
        return 0.0

    @final
    def cost(self, *inputs: Spec) -> Cost:
        return Cost()

    @final
    def forward(self, call: Call) -> Array:
        return self.moved(call.inputs, call.specs, self.filling)

    @final
    def backward(self, call: Call, error: Array) -> Gradients:
        sizes = [x[0].size for x in call.inputs]
        source = sources(self, call.specs).ravel()
        filled = source != NOWHERE
        rows = error.reshape(len(error), -1)[:, filled]
        total = np.zeros((sum(sizes), len(error)), dtype=error.dtype)
        np.add.at(total, source[filled], rows.T)
        parts = np.split(total, list(accumulate(sizes))[:-1])
        return Gradients(
            tuple(part.T.reshape(x.shape) for part, x in zip(parts, call.inputs, strict=True))
        )

    @final
    def terms(self, call: Call, index: Index) -> list[Term]:
        picture, *place = index
        at = int(sources(self, call.specs)[tuple(place)])
        if at == NOWHERE:
            return [Term((Factor(self.filling, f"{self.filling:g}"),))] if self.filling else []
        branch, cell = _cell(at, call.specs)
        cell = (picture, *cell)
        return [Term((Factor(call.inputs[branch][cell].item(), refs=(Ref(branch, cell),)),))]

    @final
    def uses(self, call: Call, ref: Ref) -> list[Use]:
        picture, *place = ref.index
        return [
            Use((picture, *output), (Factor(1.0, "1"),))
            for output in self._goals(int(ref.source), tuple(place), call.specs)
        ]

    @final
    def formula(self, index: Index, *inputs: Spec) -> str:
        at = int(sources(self, inputs)[index])
        if at == NOWHERE:
            return f"{self.filling:g}"
        branch, cell = _cell(at, inputs)
        return f"{{{branch}}}[{','.join(map(str, cell))}]"

    @final
    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        goals = self._goals(int(ref.source), ref.index, inputs)
        written = [f"{{self}}[{','.join(map(str, goal))}].grad" for goal in goals]
        return " + ".join(written[:MOST_WRITTEN]) + " + …" * (len(written) > MOST_WRITTEN) or "0"

    def _goals(self, branch: int, place: Index, specs: tuple[Spec, ...]) -> list[Index]:
        """The outputs that one input number is moved to."""
        before = sum(spec.size for spec in specs[:branch])
        at = before + int(np.ravel_multi_index(place, specs[branch].shape))
        return [tuple(map(int, goal)) for goal in np.argwhere(sources(self, specs) == at)]


MOST_WRITTEN = 4
"""Terms of a gradient's formula that are written out."""


def sources(operator: Rearrangement, specs: tuple[Spec, ...]) -> Array:
    """For each output the position, in all inputs laid end to end, that its number comes from."""
    return _sources(operator, tuple((spec.shape, spec.names) for spec in specs))


@lru_cache(maxsize=64)
def _sources(
    operator: Rearrangement, described: tuple[tuple[Index, tuple[str, ...]], ...]
) -> Array:
    specs = tuple(Spec(shape, names) for shape, names in described)
    ends = list(accumulate(spec.size for spec in specs))
    positions = tuple(
        np.arange(end - spec.size, end).reshape(1, *spec.shape)
        for spec, end in zip(specs, ends, strict=True)
    )
    found = np.array(operator.moved(positions, specs, NOWHERE)[0])
    found.flags.writeable = False
    return found


def _cell(at: int, specs: tuple[Spec, ...]) -> tuple[int, Index]:
    """The input that a position lies in, and its index there."""
    for branch, spec in enumerate(specs):
        if at < spec.size:
            return branch, tuple(int(n) for n in np.unravel_index(at, spec.shape))
        at -= spec.size
    raise IndexError(at)
