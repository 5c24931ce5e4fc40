"""DIV: the first branch divided by the second, cell by cell; an axis of length 1 is spread.

    y[c,i,j] = a[c,i,j] / b[c,i,j]

The gradients: ∂L/∂a = e / b and ∂L/∂b = -e · a / b², each summed over the places that a spread
number stands at. Where b is zero the result is infinite or not a number, as
everywhere in floating point.

Source: the quotient rule; as a node of a graph: Baydin, Pearlmutter, Radul and Siskind,
"Automatic Differentiation in Machine Learning: a Survey", JMLR 18, 2018, section 3.

>>> import numpy as np
>>> from striate.graph import Call
>>> call = Call((np.array([[5.0]]), np.array([[2.0]])))
>>> Divide().forward(call).tolist()
[[2.5]]
>>> [each.item() for each in Divide().backward(call, np.array([[1.0]])).inputs]
[0.5, -1.25]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from striate.graph import Factor, Term
from striate.ops.arrays import Array, silently
from striate.ops.merging.broadcasting import Broadcasting


@final
@dataclass(frozen=True)
class Divide(Broadcasting):
    """The quotient of exactly two branches. Shape: that of both, or 1 along an axis."""

    label: ClassVar[str] = "div"
    verb: ClassVar[str] = "divides"
    arity: ClassVar[tuple[int, int | None]] = (2, 2)

    def merged(self, *numbers: Array) -> Array:
        above, below = numbers
        with silently():
            return above / below

    def slope(self, branch: int, *numbers: Array) -> Array:
        above, below = numbers
        with silently():
            return -above / below**2 if branch else 1 / below

    def summands(self, *cells: Factor) -> list[Term]:
        above, below = cells
        return [Term((above, _inverse(below)))]

    def slopes(self, branch: int, *cells: Factor) -> tuple[Factor, ...]:
        above, below = cells
        inverse = _inverse(below)
        return (Factor(-1.0, "-1"), above, inverse, inverse) if branch else (inverse,)

    def written(self, *cells: str) -> str:
        return " / ".join(cells)

    def written_slope(self, branch: int, *cells: str) -> str:
        above, below = cells
        return f" · (-{above} / {below}²)" if branch else f" / {below}"


def _inverse(cell: Factor) -> Factor:
    with silently():
        return Factor(float(np.float64(1) / cell.value), "1/{0}", cell.refs)
