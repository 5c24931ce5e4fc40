"""A sample of another project's test suite, written as one of our graphs and run by our judge.

Arrays come in with a batch axis of length 1, unless they have a batch axis of their own; a single
number comes in as one unit. What cannot be expressed raises `Cannot` with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import torch

from striate import ops
from striate.errors import StriateError
from striate.graph import Assembly, Graph
from striate.graph.settings import settings_of
from striate.reference import Backward, Trace, run

Array: TypeAlias = np.ndarray
Given: TypeAlias = "torch.Tensor | Array"

Row: TypeAlias = Callable[..., Any]
"""Builds one function, module or node of the other project from its arguments."""


class Cannot(Exception):
    """There is no way to express this; the text is the reason."""


class Nothing(Cannot):
    """There is no number in the sample, or in what comes out: nothing to compute, or to compare."""


class NotYet(Cannot):
    """An operator that this needs is not there; its row begins to count when it is."""


@dataclass(frozen=True)
class Value:
    """What a node computes: its name, and its shape without the batch axis."""

    node: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Place:
    """Where a given tensor went: into an input (its axes in another order), or into a weight."""

    given: Given
    node: str
    weight: str = ""
    order: tuple[int, ...] = ()


@dataclass
class SampleGraph:
    """A graph in the making, and the numbers it is run on."""

    theirs: Any = None
    """What the other project computes, for what it draws at random."""
    training: bool = False
    target: Array | None = None
    noise: dict[str, Array] = field(default_factory=dict)
    assembly: Assembly = field(default_factory=Assembly)
    arrays: dict[str, Array] = field(default_factory=dict)
    weights: dict[str, dict[str, Array]] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)

    def enter(self, given: Given, *, batched: bool = False, order: tuple[int, ...] = ()) -> Value:
        """A tensor of the sample as an input of the network; `order` puts the batch axis first."""
        array = numbers(given)
        array = array.transpose(order) if order else array
        array = array if batched else array.reshape(1, *(array.shape or (1,)))
        name = self.assembly.add(ops.Input(array.shape[1:]))
        self.arrays[name] = array
        self.places.append(Place(given, name, order=order))
        return self.value(name)

    def axes(self, x: Value, numbers: Sequence[int]) -> tuple[str, ...]:
        """The names of some axes."""
        names = self.assembly.spec(x.node).axes
        return tuple(names[k] for k in numbers)

    def value(self, name: str) -> Value:
        return Value(name, self.assembly.spec(name).shape)

    def __call__(
        self,
        kind: str,
        *values: Value,
        weights: Mapping[str, Given | None] | None = None,
        **settings: Any,
    ) -> Value:
        """One more node. Weights that are None, and settings that are None, are not given."""
        operator = operator_called(kind, settings)
        name = self.assembly.add(operator, [value.node for value in values])
        own = {key: given for key, given in (weights or {}).items() if given is not None}
        if own:
            self.weights[name] = {key: np.atleast_1d(numbers(n)) for key, n in own.items()}
            self.places += [Place(given, name, key) for key, given in own.items()]
        return self.value(name)

    def finished(self, outputs: Sequence[Value]) -> Graph:
        """The graph that computes these values; all but the last leave by side exits."""
        for value in outputs[:-1]:
            self.assembly.exit(value.node, 1.0)
        return self.assembly.graph(outputs[-1].node)

    def traced(self, outputs: Sequence[Value]) -> Trace:
        """The graph, run by our judge."""
        graph = self.finished(outputs)
        given = [self.arrays[node.name] for node in graph.inputs]
        return run(
            graph,
            self.weights,
            given,
            training=self.training,
            target=self.target,
            noise=self.noise,
        )

    def gradient(self, backward: Backward, given: Given) -> Array:
        """The gradient of a given tensor, summed over the places it went to."""
        total = np.zeros(tuple(given.shape))
        for place in self.places:
            if place.given is given:
                own = backward.weights[place.node] if place.weight else backward.nodes
                found = own[place.weight or place.node]
                found = found.transpose(np.argsort(place.order)) if place.order else found
                total = total + found.reshape(total.shape)
        return total


def operator_called(kind: str, settings: Mapping[str, Any]) -> Any:
    """The operator of that class name with these settings.

    Raises:
        NotYet: there is no such operator, or it has no such setting.
    """
    found: Any = getattr(ops, kind, None)
    if found is None:
        raise NotYet(kind)
    known = settings_of(found)
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name not in known:
            raise NotYet(f"{kind} {name}=")
    return found(**given)


def numbers(given: Given) -> Array:
    """The numbers of an array in float64; whole numbers are the real numbers that they are."""
    array = given.detach().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)
    if array.dtype.kind not in "fiu":
        raise Cannot(f"numbers of the kind {array.dtype.name}")
    if not array.size:
        raise Nothing("an array without a number in it")
    return np.array(array, dtype=np.float64)


def reason(error: Exception) -> str:
    """Why something cannot be expressed, without the numbers of the one case."""
    if not isinstance(error, StriateError):
        return str(error)
    text = str(error).splitlines()[0]
    return "refused: " + re.sub(r"-?\d+(\.\d+)?(x\d+)*", "#", text)
