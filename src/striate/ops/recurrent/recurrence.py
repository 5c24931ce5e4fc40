"""What the recurrent layers share: a cell that walks over the steps of a sequence.

A sequence is features x steps. At each step the cell reads the features of that step and what it
kept of the steps before, its state, and makes the next state of them:

    state[·,t] = cell(x[·,t], state[·,t-1])

The output is the hidden state of every step, units x steps; or with `last` that of the last step
alone. In both directions a second cell with weights of its own walks from the last step to the
first, and its units come behind those of the first.

Everything that a step computes is an inner value, an array of units x steps: the gates, what each
sums (reset_sum), the states. Backpropagation through time walks the steps in the other direction:
the gradient of a state is what comes from the output of its step and from the step after it, and
the gradient of a weight is a sum over all steps.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np

from striate.errors import ShapeError
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
    Routes,
    Saves,
    Spec,
    Term,
    Use,
    Weight,
    Window,
)
from striate.graph.field import Along
from striate.graph.saves import NUMBER
from striate.ops import checked
from striate.ops.arrays import Array
from striate.ops.recurrent.relations import Read, RelationProduct, Relations, RelationTable

Values: TypeAlias = dict[str, Array]
"""Arrays (pictures, units) of one step, or of weights, by name in the forward direction."""


@dataclass(frozen=True)
class Recurrence(Operator):
    """A recurrent layer; a subclass gives the equations of its cell and walks one step.

    Args:
        units: numbers of the state, in each direction.
        bidirectional: whether a second cell walks from the last step to the first.
        last: whether only the last state leaves, of each direction where its walk ends.
        bias: whether each sum has two biases, as PyTorch keeps them.

    Shapes: (features, steps) -> (units, steps), or (2 units, steps) in both directions; with
    `last` (units,) or (2 units,). Behind the sequence may stand the initial states, each
    (units,) or (2 units,); zeros otherwise. Weights as in PyTorch, the rows of the gates under
    each other: weight_ih_l0 (gates · units, features), weight_hh_l0 (gates · units, units).
    """

    gates: ClassVar[tuple[str, ...]]
    """The gates, in the order of their rows."""
    states: ClassVar[tuple[str, ...]] = ("hidden",)
    """What a step reads of the step before: the hidden state first."""
    beside: ClassVar[int]
    """Function values, products and sums of a unit and step beside those of its weights."""

    units: int
    bidirectional: bool = False
    last: bool = False
    bias: bool = True

    def __post_init__(self) -> None:
        checked.count("units", self.units, 64)

    @property
    @abstractmethod
    def table(self) -> RelationTable:
        """The equations of a step."""

    @property
    def diagonals(self) -> tuple[str, ...]:
        """Names of weights that have one number for each unit."""
        return ()

    @property
    @abstractmethod
    def composed(self) -> bool:
        """Whether PyTorch has no such cell, so that one operation after the other computes it."""

    @abstractmethod
    def held(self, steps: int) -> int:
        """How many numbers of a unit training keeps over so many steps."""

    @property
    def workspace(self) -> int:
        """Numbers that a direction keeps for a batch where a library computes all steps at once."""
        return 0

    @abstractmethod
    def step(self, weights: Values, entering: Array, before: Values) -> Values:
        """The inner values of a step.

        Args:
            entering: what the features bring to the sums (pictures, gates · units).
            before: the states of the step before.
        """

    @abstractmethod
    def back(
        self, weights: Values, now: Values, before: Values, error: Values
    ) -> tuple[Values, Values, Values]:
        """The gradients of a step: of its inner values, of the states before, of the weights.

        Args:
            now: the inner values.
            error: the gradients of the states, of the steps after it too.
        """

    def summed(
        self, *more: RelationProduct, gated: RelationProduct = ()
    ) -> tuple[RelationProduct, ...]:
        """The sum of a gate: features and state by its rows of the weights, biases, and more.

        Args:
            gated: what the products with the state are multiplied by; by unit (u) the bias too.
        """
        bias = (Read("bias_hh_l0", "r"), *(each for each in gated if "u" in each.at))
        return (
            (Read("weight_ih_l0", "rk"), Read("x", "kt")),
            (Read("weight_hh_l0", "rk"), *gated, Read("hidden", "kp")),
            *([(Read("bias_ih_l0", "r"),), bias] if self.bias else []),
            *more,
        )

    def shape(self, *inputs: Spec) -> Spec:
        x, *given = inputs
        if x.rank != 2:
            raise ShapeError(
                f"{{self}} reads a sequence, features x steps, but its input is {x}",
                remedy="RESHAPE and PERMUTE make a sequence of it: 64x100 is 100 steps of 64.",
            )
        width = self.units * len(self.directions)
        for state, each in zip(self.states, given, strict=False):
            if each.shape != (width,):
                raise ShapeError(
                    f"the initial {state} state of {{self}} is {each}, but it has {width} units",
                    remedy=f"Give it {width} numbers, by FC {width} for example.",
                )
        return Spec((width,)) if self.last else x.with_length(0, width)

    @property
    def directions(self) -> tuple[bool, ...]:
        """For each direction whether it is the reverse one."""
        return (False, True) if self.bidirectional else (False,)

    def weights(self, *inputs: Spec) -> Mapping[str, Weight]:
        features, rows = inputs[0].channels, self.units * len(self.gates)
        found = {}
        for suffix in ("", "_reverse")[: len(self.directions)]:
            for name, length in ("ih", features), ("hh", self.units):
                fans = length, self.units
                found[f"weight_{name}_l0{suffix}"] = Weight((rows, length), *fans)
                if self.bias:
                    found[f"bias_{name}_l0{suffix}"] = Weight((rows,), *fans, role="bias")
            for name in self.diagonals:
                found[f"{name}_l0{suffix}"] = Weight((self.units,), self.units, self.units)
        return found

    def inner(self, *inputs: Spec) -> Mapping[str, Spec]:
        spec = Spec((self.units, inputs[0].shape[1]), ("unit", inputs[0].axes[1]))
        suffixes = ("", "_reverse")[: len(self.directions)]
        return {name + suffix: spec for suffix in suffixes for name in self.table}

    def cost(self, *inputs: Spec) -> Cost:
        (features, steps), gates = inputs[0].shape, len(self.gates)
        numbers = self.units * steps * len(self.directions)
        products = numbers * gates * (features + self.units)
        more = 2 * gates * self.bias + len(self.diagonals)
        return Cost(products, products + numbers * more, numbers * (more + self.beside))

    def field(self, *inputs: Spec) -> Field:
        steps = inputs[0].shape[1]
        if self.last or self.bidirectional:
            return Reach.EVERYTHING
        return Routes((None, Along(1, Window(steps, before=steps - 1))))

    def fields(self, *inputs: Spec) -> tuple[Field, ...]:
        return (self.field(*inputs), *[Reach.EVERYTHING] * (len(inputs) - 1))

    def kept(self, *inputs: Spec) -> Saves:
        (features, steps), ways = inputs[0].shape, len(self.directions)
        states = range(1, len(inputs)) if self.composed or ways == 1 else range(0)
        own = features * steps + self.units * (self.held(steps) - (len(states) == len(self.states)))
        return Saves(
            inputs=tuple(states),
            output=self.workspace > 0 and ways == 1 and not self.last,
            own=NUMBER * ways * own,
            batch=NUMBER * self.workspace * ways,
        )

    def inner_values(self, call: Call) -> Mapping[str, Array]:
        found = {}
        for way in self._ways(call.specs):
            weights, now = _own(call.weights, way), self._first(call, way)
            entering = np.einsum("gf,nft->tng", weights["weight_ih"], call.x)
            entering = entering + weights["bias_ih"] if self.bias else entering
            walked = {}
            for t in _order(way):
                walked[t] = now = self.step(weights, entering[t], now)
            for name in self.table:
                steps = [walked[t][name] for t in range(way.steps)]
                found[name + way.suffix] = np.stack(steps, axis=-1)
        return found

    def forward(self, call: Call) -> Array:
        inner = call.inner or self.inner_values(call)
        hidden = [inner[f"hidden{way.suffix}"] for way in self._ways(call.specs)]
        if self.last:
            hidden = [each[..., end] for each, end in zip(hidden, (-1, 0), strict=False)]
        return np.concatenate(hidden, axis=1)

    def backward(self, call: Call, error: Array) -> Gradients:
        call = self._whole(call)
        inputs = [np.zeros_like(x) for x in call.inputs]
        own: dict[str, Array] = {}
        inner: dict[str, Array] = {}
        for way, part in self._parts(call.specs):
            slopes, states, weights = self._through_time(call, way, error[:, part])
            sums = np.concatenate([slopes[f"{gate}_sum"] for gate in self.gates], axis=1)
            weights["weight_ih"] = np.einsum("ngt,nft->gf", sums, call.x)
            if self.bias:
                weights["bias_ih"] = sums.sum(axis=(0, 2))
            inputs[0] += np.einsum("ngt,gf->nft", sums, _own(call.weights, way)["weight_ih"])
            for given, state in zip(inputs[1:], self.states, strict=False):
                given[:, part] = states[state]
            own |= {f"{name}_l0{way.suffix}": each for name, each in weights.items()}
            inner |= {name + way.suffix: each for name, each in slopes.items()}
        return Gradients(tuple(inputs), own, inner)

    def _through_time(
        self, call: Call, way: Relations, error: Array
    ) -> tuple[Values, Values, Values]:
        """One direction's walk back: the gradients of inner values, first states, and weights."""
        weights, first = _own(call.weights, way), self._first(call, way)
        order = list(_order(way))
        inner = {name: call.inner[name + way.suffix] for name in self.table}
        slopes = {name: np.zeros_like(values) for name, values in inner.items()}
        states, summed = {name: 0 * first[name] for name in self.states}, dict[str, Array]()
        for t, earlier in zip(reversed(order), [*reversed(order[:-1]), None], strict=True):
            now = {name: values[..., t] for name, values in inner.items()}
            before = first if earlier is None else {n: inner[n][..., earlier] for n in self.states}
            arriving = error * (t == order[-1]) if self.last else error[..., t]
            states["hidden"] = states["hidden"] + arriving
            found, states, more = self.back(weights, now, before, states)
            for name, slope in found.items():
                slopes[name][..., t] = slope
            summed = {name: summed.get(name, 0) + each for name, each in more.items()}
        return slopes, states, summed

    def terms(self, call: Call, index: Index) -> list[Term]:
        way, place = self._behind(index[1:], call.specs)
        return way.terms(self._whole(call), "hidden", (index[0], *place))

    def inner_terms(self, call: Call, ref: Ref) -> list[Term]:
        way = self._way_of(str(ref.source), call.specs)
        name = str(ref.source).removesuffix(way.suffix)
        return way.terms(self._whole(call), name, ref.index)

    def uses(self, call: Call, ref: Ref) -> list[Use]:
        call = self._whole(call)
        found = [use for way in self._ways(call.specs) for use in way.uses(call, ref)]
        goal = self._output_of(ref, call.specs)
        leaves = [] if goal is None else [Use((ref.index[0], *goal), (Factor(1.0, "1"),))]
        return [*leaves, *found]

    def formula(self, index: Index, *inputs: Spec) -> str:
        way, place = self._behind(index, inputs)
        return way.formula("hidden", *place)

    def inner_formula(self, ref: Ref, *inputs: Spec) -> str:
        way = self._way_of(str(ref.source), inputs)
        return way.formula(str(ref.source).removesuffix(way.suffix), *ref.index)

    def gradient_formula(self, ref: Ref, *inputs: Spec) -> str:
        place = Ref(ref.source, (0, *ref.index))
        goal = self._output_of(place, inputs)
        leaves = [] if goal is None else [f"{{self}}[{','.join(map(str, goal))}].grad"]
        ways = self._ways(inputs)
        return " + ".join([*leaves, *(each for way in ways for each in way.gradient_formulas(ref))])

    def _ways(self, inputs: Sequence[Spec]) -> list[Relations]:
        """The equations of each direction."""
        features, steps = inputs[0].shape
        rows = {f"{gate}_sum": k * self.units for k, gate in enumerate(self.gates)}
        sizes = self.units, features, steps, len(inputs)
        return [Relations(self.table, rows, self.states, *sizes, way) for way in self.directions]

    def _way_of(self, name: str, inputs: Sequence[Spec]) -> Relations:
        """The direction that an inner value belongs to."""
        return self._ways(inputs)[name.endswith("_reverse")]

    def _parts(self, inputs: Sequence[Spec]) -> Iterator[tuple[Relations, slice]]:
        """Each direction, and the units of the output that are its own."""
        for k, way in enumerate(self._ways(inputs)):
            yield way, slice(k * self.units, (k + 1) * self.units)

    def _behind(self, index: Index, inputs: Sequence[Spec]) -> tuple[Relations, Index]:
        """The direction, unit and step of the hidden state that an output is."""
        direction, unit = divmod(index[0], self.units)
        way = self._ways(inputs)[direction]
        return way, (unit, _order(way)[-1] if self.last else index[1])

    def _output_of(self, ref: Ref, inputs: Sequence[Spec]) -> Index | None:
        """The output that is a hidden state; None for what is none, or does not leave."""
        if ref.source not in ("hidden", "hidden_reverse"):
            return None
        way, (_, unit, step) = self._way_of(ref.source, inputs), ref.index
        unit += self.units * way.reverse
        if self.last:
            return (unit,) if step == _order(way)[-1] else None
        return unit, step

    def _first(self, call: Call, way: Relations) -> Values:
        """The states before the first step."""
        part = slice(self.units * way.reverse, self.units * (1 + way.reverse))
        nothing = np.zeros((len(call.x), self.units), dtype=call.x.dtype)
        given = [x[:, part] for x in call.inputs[1:]] + [nothing] * len(self.states)
        return dict(zip(self.states, given, strict=False))

    def _whole(self, call: Call) -> Call:
        """The call with its inner values."""
        return call if call.inner else replace(call, inner=self.inner_values(call))


def _order(way: Relations) -> range:
    """The steps as a direction takes them."""
    return range(way.steps - 1, -1, -1) if way.reverse else range(way.steps)


def _own(weights: Mapping[str, Array], way: Relations) -> Values:
    """The weights of a direction: weight_ih, weight_hh …"""
    end = f"_l0{way.suffix}"
    return {name.removesuffix(end): each for name, each in weights.items() if name.endswith(end)}
