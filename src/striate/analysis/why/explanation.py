"""One number of a network, and the products that sum to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from striate.display import Block, Column, Displayed, Grid, Line
from striate.errors import ExplanationError
from striate.reference import NamedFactor, Product

SCHEMA_VERSION = 1

SHOWN = 8
"""Products that are shown, the largest."""

COLUMNS = (
    Column("term"),
    Column("values", text=True, wide=28, rank=1),
    Column("factors", text=True, wide=40),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a unit sees along one axis of the input: positions, both ends included."""

    axis: str
    first: int
    last: int

    def __str__(self) -> str:
        """As it is read: steps 3–5, or row 4."""
        if self.first == self.last:
            return f"{self.axis} {self.first}"
        return f"{self.axis}s {self.first}–{self.last}"


@dataclass(frozen=True, repr=False)
class Explanation(Displayed):
    """Why a number is what it is.

    Args:
        what: the number's name, as it can be asked about.
        formula: how it is computed, with the network's own names.
        terms: the products that sum to it, in the order of the formula.
        reference: the number as the reference engine has it, from whole arrays in float64.
        stored: the number as PyTorch has it in float32; for a function, what the formula makes of
            PyTorch's numbers.
        scale: the root mean square of the array that the number stands in.
        arguments: for a function such as relu(conv1[0,2,3]), the numbers it is a function of.
        target: the class that losses and gradients are taken for; "" where none matters.
        sees: the part of the input that it depends on at most; empty where that is not known.
        notes: what a reader should know besides.
    """

    what: str
    formula: str
    terms: tuple[Product, ...]
    reference: float
    stored: float | None = None
    scale: float = 0.0
    arguments: tuple[NamedFactor, ...] = ()
    target: str = ""
    sees: tuple[Seen, ...] = ()
    notes: tuple[str, ...] = ()
    asker: Callable[[str], Explanation] | None = field(default=None, repr=False, compare=False)

    @property
    def value(self) -> float:
        """The sum of the terms."""
        return exact_sum([term.value for term in self.terms])

    @property
    def sum(self) -> float:
        """The sum of the terms."""
        return self.value

    @property
    def magnitude(self) -> float:
        """What residuals are relative to: the value or, where terms cancel, Σ |term|."""
        return max(abs(self.value), exact_sum([abs(term.value) for term in self.terms]))

    @property
    def residual(self) -> float | None:
        """What PyTorch has, less the sum of the terms: float32 rounding on the way."""
        return None if self.stored is None else self.stored - self.value

    @property
    def relative_residual(self) -> float | None:
        """|residual| relative to the `magnitude`, or to the `scale` where that is larger.

        A number that is nearly zero because what comes into it cancels (relu of a sum of large
        terms) keeps the rounding of the terms.
        """
        if self.residual is None:
            return None
        return _relative(self.residual, max(self.magnitude, self.scale))

    @property
    def reference_residual(self) -> float:
        """|sum of the terms - reference| relative to the `magnitude`."""
        return _relative(self.value - self.reference, self.magnitude)

    def largest(self, count: int) -> list[Product]:
        """The `count` terms of largest size, largest first."""
        return sorted(self.terms, key=lambda term: -abs(term.value))[:count]

    @property
    def askable(self) -> tuple[str, ...]:
        """Everything that this answer refers to, each of which can be asked about in turn."""
        factors = [factor for term in self.terms for factor in term.factors]
        found = dict.fromkeys(each for factor in factors for each in factor.refs)
        found |= dict.fromkeys(each.what for each in self.arguments)
        found.pop(self.what, None)
        return tuple(found)

    @property
    def largest_factor(self) -> str:
        """What to ask about next: a number behind the largest factor of the largest term."""
        found = [
            (abs(term.value), abs(factor.value) if factor.value != 1 else 0.0, ref)
            for term in self.terms
            for factor in term.factors
            for ref in factor.refs
            if ref != self.what
        ]
        # A factor of 1 explains nothing. Of equals max keeps the first.
        return max(found, key=lambda each: each[:2])[2] if found else next(iter(self.askable), "")

    @property
    def headline(self) -> str:
        """The number and its value."""
        return f"{self.what} = {self.value:.6g}, {self._products}"

    @property
    def _products(self) -> str:
        count = len(self.terms)
        target = f", for the target {self.target}" if self.target else ""
        return f"{count:,} {'product' if count == 1 else 'products'}{target}"

    def display(
        self, most: int | None = SHOWN, *, more: str = "`terms` holds each"
    ) -> Iterator[Block]:
        """Formula, products, sums and notes.

        Args:
            most: products that are shown, the largest; None for all, in the formula's order.
            more: where the others are found.
        """
        yield Line(f"{self.what} = {self.formula}", "strong")
        yield Line(f"  {self._products}")
        if rows := self._rows(most, more):
            yield Grid(COLUMNS, tuple(rows))
        yield Line(self._sums, "strong")
        yield Line(f"reference residual {self.reference_residual:.0e}", "quiet")
        if self.sees:
            yield Line(f"sees {', '.join(map(str, self.sees))} of the input", "quiet")
        yield from (Line(note, "quiet") for note in self.notes)
        if self.largest_factor:
            yield Line(f"Ask on, for example: {self.largest_factor}", "quiet")

    def _rows(self, most: int | None, more: str) -> list[tuple[str, ...]]:
        shown = list(self.terms) if most is None else self.largest(most)
        if len(shown) < len(self.terms):
            # Zeros say little beside other terms; alone they are all there is.
            shown = [term for term in shown if term.value] or shown
        rows: list[tuple[str, ...]] = [
            (
                f"{term.value:+.8g}",
                " · ".join(f"{factor.value:.6g}" for factor in term.factors),
                " · ".join(factor.what for factor in term.factors),
            )
            for term in shown
        ]
        if others := len(self.terms) - len(shown):
            rest = self.value - sum(term.value for term in shown)
            rows.append((f"{rest:+.8g}", f"the other {others:,}", more))
        return rows

    @property
    def _sums(self) -> str:
        parts = [f"sum {self.value:.9g}"]
        if self.stored is not None and self.residual is not None:
            parts.append(f"stored {self.stored:.9g}")
            parts.append(f"residual {self.residual:.1e} (float32)")
        return "   ".join(parts)

    def ask(self, what: str | int) -> Explanation:
        """The explanation of another number of the same picture.

        Args:
            what: its name, or k for the k-th of `askable`.

        Raises:
            ExplanationError: there is no such number.
        """
        if self.asker is None:
            raise ExplanationError(
                "this explanation stands alone", remedy="Ask striate.why for the next one."
            )
        if isinstance(what, int):
            if not 0 <= what < len(self.askable):
                raise ExplanationError(
                    f"{self.what} refers to {len(self.askable)} numbers, not {what + 1}",
                    remedy="`askable` lists them.",
                )
            what = self.askable[what]
        return self.asker(what)

    def to_json(self) -> dict[str, object]:
        """The answer as plain numbers, lists and text."""
        return {
            "schema_version": SCHEMA_VERSION,
            "what": self.what,
            "formula": self.formula,
            "value": self.value,
            "stored": self.stored,
            "residual": self.residual,
            "terms": [
                {"value": term.value, "factors": [_json(each) for each in term.factors]}
                for term in self.terms
            ],
            "products": len(self.terms),
            "reference_residual": self.reference_residual,
            "arguments": [{"what": each.what, "value": each.value} for each in self.arguments],
            "target": self.target or None,
            "sees": [
                {"axis": each.axis, "first": each.first, "last": each.last} for each in self.sees
            ],
            "notes": list(self.notes),
        }


def exact_sum(values: Sequence[float]) -> float:
    """The sum, rounded once; NaN or infinite where a value is."""
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        return float(sum(values))


def _relative(difference: float, magnitude: float) -> float:
    return abs(difference) / magnitude if magnitude else abs(difference)


def _json(factor: NamedFactor) -> dict[str, object]:
    """A factor; what it is made of is named where that is not the factor itself."""
    shown: dict[str, object] = {"what": factor.what, "value": factor.value}
    return shown if factor.refs == (factor.what,) else shown | {"refs": list(factor.refs)}
