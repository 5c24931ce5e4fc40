"""How the numbers of a recurrent cell come from each other, as data: terms, uses and formulas.

A cell is a few equations that hold at every step t and for every unit u, such as the GRU's

    h[u,t] = (1 - z[u,t]) · n[u,t] + z[u,t] · h[u,t-1]

Each is a sum of products, and each product a few numbers that are read. `Read` says which: an array
and a pattern of letters, one for each of its axes:

    u  the unit itself            k  the number that the sum runs over
    t  this step                  p  the step before (in the reverse direction, the one after)
    r  the unit's row in a weight that has the rows of several gates under each other

From left to right an equation lists the terms of a number. From right to left it lists where a
number goes: its letters are solved for u, k and t, those left open are gone through, and the
derivative of a product is that of the one factor times all others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np

from striate.graph import Call, Factor, Index, Ref, Term, Use
from striate.ops.activation.sigmoid import logistic
from striate.ops.arrays import Array


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one number and its derivative: how each is written and computed."""

    text: str
    value: Callable[[Array], Array]
    slope_text: str
    slope: Callable[[Array], Array]


FUNCTIONS = {
    "": Function("{0}", lambda x: x, "", np.ones_like),
    "1-": Function("(1 - {0})", lambda x: 1 - x, "-1", lambda x: -np.ones_like(x)),
    "sigmoid": Function("σ({0})", logistic, "σ'({0})", lambda x: logistic(x) * (1 - logistic(x))),
    "tanh": Function("tanh({0})", np.tanh, "tanh'({0})", lambda x: 1 - np.tanh(x) ** 2),
    "relu": Function("relu({0})", lambda x: x.clip(0), "relu'({0})", lambda x: (x > 0) + 0 * x),
}


@dataclass(frozen=True, slots=True)
class Read:
    """One number of a product.

    Args:
        source: the name of an inner value or a weight, or x for the input.
        at: a letter for each axis.
        function: the function of it that stands in the product.
    """

    source: str
    at: str
    function: str = ""


RelationProduct: TypeAlias = tuple[Read, ...]
RelationTable: TypeAlias = Mapping[str, tuple[RelationProduct, ...]]
"""For each inner value the products that sum to it."""


@dataclass(frozen=True, slots=True)
class Relations:
    """The equations of one direction of one cell.

    Args:
        table: the equations; all arrays have their names in the forward direction.
        rows: for each inner value that has rows of the stacked weights, the first of them.
        states: the inner values that the first step reads from the inputs behind x, in order.
        units, features, steps: how far u, k and t run; k runs over the features beside x.
        inputs: how many inputs there are: x, then initial states.
        reverse: whether it starts at the last step; its names end in _reverse.
    """

    table: RelationTable
    rows: Mapping[str, int]
    states: tuple[str, ...]
    units: int
    features: int
    steps: int
    inputs: int
    reverse: bool

    @property
    def suffix(self) -> str:
        """What the names of this direction end in."""
        return "_reverse" if self.reverse else ""

    def terms(self, call: Call, name: str, index: Index) -> list[Term]:
        """The products that sum to an inner value; states that are not given are left out."""
        picture, unit, step = index
        found = []
        for reads in self.table[name]:
            for at in self._every(reads, name, {"u": unit, "t": step}):
                if refs := self._refs(reads, at, picture):
                    pairs = zip(reads, refs, strict=True)
                    found.append(Term(tuple(_factor(call, read, ref) for read, ref in pairs)))
        return found

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        """The inner values that a number goes into."""
        valued = isinstance(ref.source, int) or ref.source in call.inner
        pictures = ref.index[:1] if valued else range(len(call.x))
        found = []
        for name, reads, k, known in self._readers(ref, ref.index[1:] if valued else ref.index):
            for at, picture in product(self._every(reads, name, known), pictures):
                if refs := self._refs(reads, at, picture):
                    goal = (picture, at["u"], at["t"])
                    slope = _slope(call, reads, refs, k)
                    found.append(Use(goal, slope, name + self.suffix))
        return found

    def formula(self, name: str, unit: int, step: int) -> str:
        """How an inner value is computed."""
        at = {"u": unit, "t": step}
        found = []
        for reads in self.table[name]:
            words = [self._written(read, name, at) for read in reads]
            if all(words):
                total = "Σ " if any("k" in read.at for read in reads) else ""
                found.append(total + " · ".join(words))
        return " + ".join(found)

    def gradient_formulas(self, ref: Ref) -> list[str]:
        """The sums that make the gradient of a number, one for each product that it stands in."""
        found = []
        for name, reads, k, known in self._readers(ref, ref.index):
            words = [self._written(read, name, known, "{self}.") for read in reads]
            if not all(words):
                continue
            own = Read(reads[k].source, reads[k].at)
            slope = FUNCTIONS[reads[k].function].slope_text
            slope = slope.replace("{0}", self._written(own, name, known, "{self}."))
            goal = self._written(Read(name, "ut"), name, known, "{self}.") + ".grad"
            factors = [goal, *([slope] if slope else []), *words[:k], *words[k + 1 :]]
            letters = {"u", "t", *("k" for read in reads if "k" in read.at)}
            found.append(("Σ " if letters - known.keys() else "") + " · ".join(factors))
        return found

    def _readers(
        self, ref: Ref, place: Index
    ) -> Iterator[tuple[str, RelationProduct, int, dict[str, int]]]:
        """Every product that a number stands in: of which inner value, where, with which letters.

        Args:
            place: its index without the batch axis.
        """
        source, place = self._named(ref.source, place)
        for name, products in self.table.items():
            for reads in products:
                for k, read in enumerate(reads):
                    known = self._solved(read, name, place) if read.source == source else None
                    if known is not None:
                        yield name, reads, k, known

    def _named(self, source: int | str, place: Index) -> tuple[str, Index]:
        """Name and place of a number as the table has them: an initial state is the one before."""
        if source == 0:
            return "x", place
        if isinstance(source, int):
            before = self.steps if self.reverse else -1
            return self.states[source - 1], (place[0] - self.units * self.reverse, before)
        return (source.removesuffix(self.suffix) if source.endswith(self.suffix) else ""), place

    def _solved(self, read: Read, name: str, place: Index) -> dict[str, int] | None:
        """The letters by which `read` is the number at `place`; None where there are none."""
        found = {}
        for letter, n in zip(read.at, place, strict=True):
            moved = {"r": n - self.rows.get(name, 0), "p": n + (-1 if self.reverse else 1)}
            found[{"r": "u", "p": "t"}.get(letter, letter)] = moved.get(letter, n)
        inside = all(0 <= n < self._length(letter, (read,)) for letter, n in found.items())
        return found if inside else None

    def _every(
        self, reads: RelationProduct, name: str, known: Mapping[str, int]
    ) -> Iterator[dict[str, int]]:
        """The letters of a product, each that is not known gone through."""
        letters = ["u", "t", *(["k"] if any("k" in read.at for read in reads) else [])]
        ranges = (
            (known[letter],) if letter in known else range(self._length(letter, reads))
            for letter in letters
        )
        for numbers in product(*ranges):
            at = dict(zip(letters, numbers, strict=True))
            at["r"] = self.rows.get(name, 0) + at["u"]
            at["p"] = at["t"] + (1 if self.reverse else -1)
            yield at

    def _length(self, letter: str, reads: RelationProduct) -> int:
        """How far a letter runs."""
        if letter == "t":
            return self.steps
        over_x = any(read.source in ("x", "weight_ih_l0") for read in reads)
        return self.features if letter == "k" and over_x else self.units

    def _refs(self, reads: RelationProduct, at: Mapping[str, int], picture: int) -> list[Ref]:
        """The numbers that a product reads; none where one is an initial state without input."""
        refs = [self._ref(read, at, picture) for read in reads]
        found = [ref for ref in refs if ref is not None]
        return found if len(found) == len(reads) else []

    def _ref(self, read: Read, at: Mapping[str, int], picture: int) -> Ref | None:
        """The number that is read; None for an initial state that is not given."""
        index = tuple(at[letter] for letter in read.at)
        if read.source == "x":
            return Ref(0, (picture, *index))
        if read.source not in self.table:
            return Ref(read.source + self.suffix, index)
        if 0 <= index[1] < self.steps:
            return Ref(read.source + self.suffix, (picture, *index))
        slot = 1 + self.states.index(read.source)
        return Ref(slot, (picture, self._state(index[0]))) if slot < self.inputs else None

    def _state(self, unit: int) -> int:
        """Where the initial state of a unit stands in an input."""
        return unit + self.units * self.reverse

    def _written(self, read: Read, name: str, at: Mapping[str, int], before: str = "") -> str:
        """How a factor is written, letters that are not known as letters; "" for what is not."""
        row, step = self.rows.get(name, 0), (1 if self.reverse else -1)
        known = {letter: str(n) for letter, n in at.items()}
        known["r"] = str(row + at["u"]) if "u" in at else f"{row}+u" if row else "u"
        known["p"] = str(at["t"] + step) if "t" in at else f"t{step:+}"
        text = ",".join(known.get(letter, letter) for letter in read.at)
        function = FUNCTIONS[read.function].text
        if read.source == "x":
            return function.replace("{0}", f"{{0}}[{text}]")
        outside = "p" in read.at and "t" in at and not 0 <= at["t"] + step < self.steps
        if not outside:
            return function.replace("{0}", f"{before}{read.source}{self.suffix}[{text}]")
        slot, letter = 1 + self.states.index(read.source), read.at[0]
        unit = str(self._state(at[letter])) if letter in at else letter
        return f"{{{slot}}}[{unit}]" if slot < self.inputs else ""


def _factor(call: Call, read: Read, ref: Ref) -> Factor:
    """The factor that stands for a number that is read."""
    function = FUNCTIONS[read.function]
    return Factor(function.value(_value(call, ref)).item(), function.text, (ref,))


def _slope(call: Call, reads: RelationProduct, refs: Sequence[Ref], k: int) -> tuple[Factor, ...]:
    """The derivative of a product by its k-th number."""
    function, ref = FUNCTIONS[reads[k].function], refs[k]
    pairs = zip(reads, refs, strict=True)
    others = [_factor(call, *pair) for j, pair in enumerate(pairs) if j != k]
    if not function.slope_text:
        return tuple(others) or (Factor(1.0, "1"),)
    slope = function.slope(_value(call, ref)).item()
    own = (ref,) if "{0}" in function.slope_text else ()
    return (Factor(slope, function.slope_text, own), *others)


def _value(call: Call, ref: Ref) -> Array:
    """The number that `ref` means."""
    if isinstance(ref.source, int):
        return call.inputs[ref.source][ref.index]
    return (call.inner if ref.source in call.inner else call.weights)[ref.source][ref.index]
