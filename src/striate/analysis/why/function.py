"""Finding a function such as relu'(conv1[0,2,3]) among the products of a network.

Operators write their factors themselves, so a function is understood by writing the factors
around its arguments again and taking the one that reads the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from striate.graph import OUTPUT, Call, Graph, Index, Node, Operator, Ref, Spec
from striate.graph import Factor as Local
from striate.ops import sliding
from striate.reference import NamedFactor, Number
from striate.reference.products import named, terms_of

_MOST_OUTPUTS = 16
"""Outputs whose terms are written out; a function stands in the first of them or in all."""


@dataclass(frozen=True)
class Found:
    """A factor, the node whose formula it belongs to, and the number it was found by."""

    factor: NamedFactor
    node: str
    operator: Operator
    number: Number


def find(graph: Graph, node: Node, call: Call, number: Number, text: str) -> Found | None:
    """The factor of `node` that involves `number` and reads `text`, if there is one."""
    wanted = "".join(text.split())
    for local, goal in _factors(node, call, number):
        if local.label != "{0}":
            factor = named(graph, node, local, goal)
            if "".join(factor.what.split()) == wanted:
                return Found(factor, node.name, node.operator, number)
    return None


def _factors(node: Node, call: Call, number: Number) -> Iterator[tuple[Local, Ref]]:
    """Every factor around `number`, with the output or inner value that it stands in."""
    goals: list[Ref] = []
    for ref in _refs(node, call, number):
        for use in node.operator.uses(call, ref):
            yield from ((factor, use.goal) for factor in use.derivative)
            goals.append(use.goal)
    # What has no use at all (a statistic, a cell without influence) still stands in a formula.
    goals = goals or [Ref(OUTPUT, output) for output in _around(node, call, number)]
    own = (0, *number.index)
    for goal in sorted(dict.fromkeys(goals), key=lambda goal: goal.index != own)[:_MOST_OUTPUTS]:
        whole = call.inner[goal.source] if isinstance(goal.source, str) else call.y
        if all(place < size for place, size in zip(goal.index, whole.shape, strict=True)):
            for term in terms_of(node.operator, call, goal):
                yield from ((factor, goal) for factor in term.factors)
    yield from _beside(node, call, number, {goal.index for goal in goals})


def _beside(
    node: Node, call: Call, number: Number, outputs: set[Index]
) -> Iterator[tuple[Local, Ref]]:
    """Factors around `number` in the gradients of weights that have one number a channel."""
    for channel in {output[1] for output in outputs if len(output) > 1 and not number.weight}:
        for name, weight in call.weights.items():
            if weight.shape == call.y.shape[1:2]:
                for use in node.operator.uses(call, Ref(name, (channel,))):
                    yield from ((factor, use.goal) for factor in use.derivative)


def _refs(node: Node, call: Call, number: Number) -> Iterator[Ref]:
    """The references of `node` that stand for `number`; for its own output, those behind it."""
    if number.weight:
        yield Ref(number.weight, number.index)
        return
    index = (0, *number.index)
    if number.inner:
        yield Ref(number.inner, index)
        return
    yield from (Ref(slot, index) for slot, name in enumerate(node.inputs) if name == number.node)
    if node.name == number.node:
        refs = (r for t in node.operator.terms(call, index) for f in t.factors for r in f.refs)
        yield from islice((ref for ref in refs if isinstance(ref.source, int)), _MOST_OUTPUTS)
        if call.inputs and call.x.shape == call.y.shape:
            yield Ref(0, index)  # what a mask hides has no terms that lead to it


def _around(node: Node, call: Call, number: Number) -> Iterator[Index]:
    """Outputs at the place of `number`, whose formulas may show it."""
    axes = node.operator.field(*(Spec(x.shape[1:]) for x in call.inputs))
    if number.weight or not isinstance(axes, tuple):
        yield (0, *number.index, *[0] * call.y.ndim)[: call.y.ndim]
        return
    channel, *position = number.index
    for output, _ in sliding.outputs_of(axes, position, call.x.shape[2:]):
        yield (0, channel, *output)
