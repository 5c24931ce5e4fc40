"""Checks of one batch's values: units that never fire, flat slopes, branches that add nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from striate.diagnosis.evidence import Evidence
from striate.diagnosis.verdict import Finding
from striate.graph import Graph, Node
from striate.ops import HardSigmoid, NoisyReLU, ReLU, ReLU6, ScaledTanh, Sigmoid, Tanh
from striate.ops.arrays import Array

DEAD, DEAD_AT_FIRST = 0.5, 0.75
"""The share of a layer's units that are zero for every picture, from which it is a verdict: once
trained; and with first weights, by which half may be where inputs hardly differ."""

SATURATED = 0.75
"""The share of a layer's values at which the slope is next to nothing."""

FLAT = 0.05
"""A slope, as a share of the steepest, that counts as next to nothing."""

STILL = 1e-6
"""How much a branch may change between pictures, as a share of what it is added to."""

RECTIFIERS = (ReLU, ReLU6, NoisyReLU)
SQUASHING = (Sigmoid, Tanh, ScaledTanh, HardSigmoid)


def not_finite(evidence: Evidence) -> Iterator[Finding]:
    """Weights, values or a loss that are no finite number, where they begin."""
    lower = {"learning_rate": evidence.recipe.rate / 10}
    if evidence.infinite:
        own = evidence.weights[evidence.infinite].values()
        count = sum(int((~np.isfinite(array)).sum()) for array in own)
        total = sum(array.size for array in own)
        said = f"{count:,} of its {total:,} weights are no finite number"
        yield Finding(evidence.infinite, said, evidence.train(**lower))
        return
    for name, value in evidence.probe.seen.values.items():
        count = int((~np.isfinite(value)).sum())
        if count:
            said = f"{count:,} of {value.size:,} values are no finite number"
            yield Finding(name, said, evidence.train(**lower))
            return


def dead_units(evidence: Evidence) -> Iterator[Finding]:
    """Rectifiers whose units are zero for every picture and at every position."""
    share = DEAD if evidence.is_trained else DEAD_AT_FIRST
    for node, value in _activations(evidence, RECTIFIERS):
        units = value.shape[1]
        fires = np.any(value > 0, axis=tuple(k for k in range(value.ndim) if k != 1))
        dead = units - int(np.sum(fires))
        if dead >= share * units:
            said = f"{dead:,} of {units:,} units are 0 for all {len(value):,} pictures"
            yield Finding(node.name, said, _revived(evidence))


def _revived(evidence: Evidence) -> str:
    if evidence.run is not None:
        return evidence.train(learning_rate=evidence.recipe.rate / 10)
    return evidence.rewritten((r"\b(NOISYRELU|RELU6?)\b", "LEAKYRELU"))


def saturated(evidence: Evidence) -> Iterator[Finding]:
    """Sigmoids and tanhs whose slope is next to nothing at most of their values."""
    for node, _ in _activations(evidence, SQUASHING):
        entering = evidence.probe.seen.values[node.inputs[0]]
        slope = _slope(node, entering)
        share = float((slope < FLAT * _slope(node, np.zeros(1, entering.dtype))).mean())
        if share >= SATURATED:
            size = float(np.sqrt(np.mean(entering.astype(np.float64) ** 2)))
            said = (
                f"{share:.0%} of its values have a slope below {FLAT:.0%} of the steepest; "
                f"its input is of size {size:.3g}"
            )
            yield Finding(node.name, said, evidence.rewritten((_WORD, r"BN -> \1")))


_WORD = r"\b(SIGMOID|TANH|SCALEDTANH|HARDSIGMOID)\b"


def _slope(node: Node, x: Array) -> Array:
    operator = node.operator
    if not isinstance(operator, Sigmoid | Tanh | ScaledTanh | HardSigmoid):
        raise TypeError(f"{type(operator).__name__} has no slope here")
    return operator.derivative(x)


def _activations(evidence: Evidence, kinds: tuple[type, ...]) -> Iterator[tuple[Node, Array]]:
    """The nodes of some kinds inside the network, with their values."""
    graph = evidence.graph
    if not evidence.is_finite:
        return
    for node in graph:
        if isinstance(node.operator, kinds) and node.name != graph.scores.name:
            yield node, evidence.probe.seen.values[node.name]


def dead_branches(evidence: Evidence) -> Iterator[Finding]:
    """Branches that add the same to every picture, and whose weights learn nothing."""
    graph = evidence.graph
    if not evidence.is_finite:
        return
    values = evidence.probe.seen.values
    for node in graph:
        if len(node.inputs) < 2 or node.operator.is_loss:
            continue
        for name in dict.fromkeys(node.inputs):
            if not _carries(graph, name):
                continue
            value = values[name].astype(np.float64)
            change = float(np.abs(value - value[:1]).max())
            size = float(np.abs(values[node.name]).max())
            if change <= STILL * max(size, 1e-30) and not _learns(evidence, node, name):
                said = (
                    f"what reaches {node.name} changes by {change:.1g} between "
                    f"{len(value):,} pictures, where {node.name} is up to {size:.3g}; "
                    "the gradients of its weights are 0"
                )
                yield Finding(name, said, evidence.train(seed=evidence.recipe.seed + 1))


def _carries(graph: Graph, name: str) -> bool:
    """Whether a picture reaches a node."""
    return any(graph[each].operator.is_input for each in graph.ancestors([name]))


def _learns(evidence: Evidence, node: Node, name: str) -> bool:
    """Whether a gradient reaches a weight that this branch alone has."""
    graph, found = evidence.graph, evidence.probe.seen.weight_gradients
    others = graph.ancestors([each for each in node.inputs if each != name])
    own = graph.ancestors([name]) - others
    return any(np.abs(array).max() > 0 for each in own for array in found.get(each, {}).values())
