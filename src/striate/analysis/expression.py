"""An expression as a graph: the value of every node at given numbers, and the gradient by it.

    cos(x) · sin(y) + x / y:  x: INPUT 1; y: INPUT 1; { { @x -> COSINE | @y -> SINE } MUL | … } ADD

Forward, each node computes its value; backward, the gradient of the last one by each. Both are by
the operators' own formulas, in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ExplanationError, did_you_mean
from striate.graph import Graph, Spec
from striate.lookup import NetworkLike, Weighted, explainable_of
from striate.ops.arrays import Array
from striate.reference import run


@dataclass(frozen=True)
class Expression:
    """A graph at one place.

    Args:
        values, gradients: by node, without the axis of the batch; the gradient is that of the sum
            of the last node's numbers.
        note: what a person should know of the weights.
    """

    graph: Graph
    values: Mapping[str, Array]
    gradients: Mapping[str, Array]
    note: str = ""


def expression(subject: NetworkLike, at: Mapping[str, Any], seed: int | None = None) -> Expression:
    """The values of a graph where its inputs are given by name, and the gradients of the last.

    Args:
        subject: a graph, or what names one.
        at: by input its number or array.
        seed: of first weights, where it has some.

    Raises:
        ExplanationError: an input has no number, a number no input, or one of another shape; or
            the graph ends in a loss, which needs a target.
    """
    ready = explainable_of(subject, seed)
    graph = ready.graph
    if graph.loss is not None:
        raise ExplanationError(
            "the graph ends in a loss, which needs a target",
            remedy="Name a picture, and the target: the loss is drawn with it.",
        )
    names = [node.name for node in graph.inputs]
    unknown = [name for name in at if name not in names]
    missing = [name for name in names if name not in at]
    if unknown or missing:
        raise ExplanationError(
            f"no input is called {unknown[0]}" if unknown else f"which number is {missing[0]}?",
            remedy=did_you_mean(unknown[0], names) if unknown else f"Give all: {_example(names)}.",
        )
    inputs = [_fitting(name, graph.specs[name], at[name]) for name in names]
    trace = run(graph, ready.weights, inputs)
    last = graph.nodes[-1].name
    backward = trace.backward({last: np.ones_like(trace.values[last])})
    values = {name: value[0] for name, value in trace.values.items()}
    gradients = {name: value[0] for name, value in backward.nodes.items()}
    note = ready.note if isinstance(ready, Weighted) and graph.parameters else ""
    return Expression(graph, values, gradients, note)


def _example(names: list[str]) -> str:
    return ",".join(f"{name}={k + 1}" for k, name in enumerate(names))


def _fitting(name: str, spec: Spec, given: object) -> Array:
    """One number for all, or an array of the input's shape, with the axis of the batch."""
    try:
        array = np.asarray(given, dtype=np.float64)
        return np.broadcast_to(array, spec.shape)[None].copy()
    except (TypeError, ValueError):
        raise ExplanationError(
            f"{name} takes {spec}, not {given!r:.60}", remedy="Give a number, or an array like it."
        ) from None


def numbers_of(text: str) -> dict[str, float] | None:
    """The numbers of `x=5, y=3`; None for a text that is none of that.

    >>> numbers_of("x=5, y=3"), numbers_of("digits#7")
    ({'x': 5.0, 'y': 3.0}, None)
    """
    found = {}
    for part in text.split(","):
        name, sign, number = part.partition("=")
        try:
            found[name.strip()] = float(number)
        except ValueError:
            return None
        if not sign:
            return None
    return found
