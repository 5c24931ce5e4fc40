"""The exact products behind any one number of a network.

Forward, an output is the sum of its operator's `terms`. Backward, the gradient of a number is

    Σ  error of an output it goes into  ×  derivative of that output by the number

over the `uses` of all nodes that read it; a weight is read by its own node, and by those that
share it. No scan over outputs: a layer has millions of products, one number a few thousand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from striate.graph import OUTPUT, Call, Graph, Index, Node, Operator, Ref, Term
from striate.graph import Factor as Local
from striate.ops.arrays import Array
from striate.reference.backward import Backward
from striate.reference.run import Trace

_CONSTANT = re.compile(r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)(?:/(\d+(?:\.\d+)?))?( \(.*\))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Number:
    """The address of one number: of a node's output, of one of its weights or inner values, or of
    the gradient of such a number.

    Args:
        node: the node's name.
        index: position, without the batch axis.
        weight: the weight's name, or nothing for the node's output.
        gradient: whether the gradient is meant.
        inner: the name of the inner value, where it is one.

    >>> str(Number("conv1", (3, 0, 2), "weight", gradient=True))
    'conv1.weight[3,0,2].grad'
    """

    node: str
    index: Index
    weight: str = ""
    gradient: bool = False
    inner: str = ""

    def __str__(self) -> str:
        place = f"[{','.join(map(str, self.index))}]" if self.index else ""
        part = self.weight or self.inner
        return f"{self.node}{f'.{part}' if part else ''}{place}{'.grad' if self.gradient else ''}"


@dataclass(frozen=True, slots=True)
class NamedFactor:
    """One factor of a product, named so that it can be asked about in turn.

    Args:
        what: how it reads: conv1[0,2,3], or relu'(conv1[0,2,3]), or a constant.
        value: the number.
        refs: the numbers it is made of; none for a constant.
    """

    what: str
    value: float
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a sum."""

    factors: tuple[NamedFactor, ...]

    @property
    def value(self) -> float:
        """The product of the factors."""
        return prod(factor.value for factor in self.factors)


def array_of(trace: Trace, number: Number, backward: Backward | None = None) -> Array:
    """The array that a number stands in, for the first picture; it must have been evaluated.

    Args:
        backward: the gradients, needed for a gradient.
    """
    if number.weight:
        weights = trace.weights if backward is None else backward.weights
        return weights[number.node][number.weight]
    if number.inner:
        inner = trace.calls[number.node].inner if backward is None else backward.inner[number.node]
        return inner[number.inner][0]
    return (trace.values if backward is None else backward.nodes)[number.node][0]


def behind(
    trace: Trace, number: Number, backward: Backward | None = None, *, picture: int = 0
) -> list[Product]:
    """The products that sum to `number`, for one picture of the batch.

    A weight that is no gradient has none: it is given. The gradient of a weight sums over the
    whole batch; in the products of another picture of it the batch index is not shown.

    Args:
        backward: the gradients, needed for a gradient.
    """
    if not number.gradient:
        return [] if number.weight else _behind_value(trace, number, picture)
    if backward is None:
        raise ValueError("the products behind a gradient need the gradients")
    return list(_behind_gradient(backward, number, picture))


def _behind_value(trace: Trace, number: Number, picture: int) -> list[Product]:
    trace.reach([number.node])
    node, call = trace.graph[number.node], trace.calls[number.node]
    goal = Ref(number.inner or OUTPUT, (picture, *number.index))
    return [
        Product(tuple(named(trace.graph, node, each, goal) for each in term.factors))
        for term in terms_of(node.operator, call, goal)
    ]


def terms_of(operator: Operator, call: Call, goal: Ref) -> list[Term]:
    """The products that sum to an output or an inner value."""
    if isinstance(goal.source, str):
        return operator.inner_terms(call, goal)
    return operator.terms(call, goal.index)


def _behind_gradient(backward: Backward, number: Number, picture: int) -> Iterator[Product]:
    trace = backward.trace
    if number.weight:
        backward.reach([number.node])
        for name in trace.graph.users(number.node, number.weight):
            if name in trace.values:
                yield from _uses(backward, trace.graph[name], Ref(number.weight, number.index))
        return
    if number.inner:
        backward.reach([number.node])
        place = Ref(number.inner, (picture, *number.index))
        yield from _uses(backward, trace.graph[number.node], place)
        return
    readers = [name for name in trace.graph.consumers[number.node] if name in trace.values]
    backward.reach(readers)
    for name in readers:
        reader = trace.graph[name]
        for slot, source in enumerate(reader.inputs):
            if source == number.node:
                yield from _uses(backward, reader, Ref(slot, (picture, *number.index)))


def _uses(backward: Backward, node: Node, ref: Ref) -> Iterator[Product]:
    graph, inner = backward.trace.graph, backward.inner.get(node.name, {})
    for use in node.operator.uses(backward.trace.calls[node.name], ref):
        error = inner[use.inner] if use.inner else backward.nodes[node.name]
        what = str(Number(node.name, use.output[1:], gradient=True, inner=use.inner))
        arriving = NamedFactor(what, error[use.output].item(), (what,))
        yield Product((arriving, *(named(graph, node, each, use.goal) for each in use.derivative)))


def named(graph: Graph, node: Node, factor: Local, goal: Ref) -> NamedFactor:
    """An operator's factor with the names of the graph in it.

    What names no number of the network, though it is no constant either, gets the name of the
    output or inner value that it stands in.
    """
    refs = tuple(_name(graph, node, ref) for ref in factor.refs)
    what = factor.label
    for k, ref in enumerate(refs):
        what = what.replace(f"{{{k}}}", ref)
    if refs and what == factor.label:
        what = f"{what} of {refs[0]}"
    elif not refs and constant(what) is None:
        what = f"{what} in {_name(graph, node, goal)}"
    return NamedFactor(what, float(factor.value), refs)


def constant(what: str) -> float | None:
    """The value of a constant factor such as 0.5, 1/9 or 1 (the largest of its window).

    >>> constant("1/4"), constant("relu(conv1[0,2,3])")
    (0.25, None)
    """
    match = _CONSTANT.fullmatch(what.strip())
    if match is None:
        return None
    below = float(match[2] or 1)
    return float(match[1]) / below if below else None


def _name(graph: Graph, node: Node, ref: Ref) -> str:
    if ref.source == OUTPUT:
        return str(Number(node.name, ref.index[1:]))
    if isinstance(ref.source, str):
        if ref.source in graph.inner(node):
            return str(Number(node.name, ref.index[1:], inner=ref.source))
        return str(Number(graph.keeper(node, ref.source), ref.index, ref.source))
    return str(Number(node.inputs[ref.source], ref.index[1:]))
