"""Checks of the gradients of one batch: how they change from layer to layer, and what they move."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from striate.diagnosis.evidence import Evidence, Missing
from striate.diagnosis.verdict import Finding
from striate.ops.arrays import Array

VANISHED = 1e-4
EXPLODED = 1e4
"""The gradient at a layer as a share of that at the last layer."""

LARGE, SMALL = 0.5, 1e-6
"""One update as a share of the weights it changes. About 1e-3 is usual."""


def size_of(array: Array) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(np.asarray(array, dtype=np.float64) ** 2)))


def vanishing(evidence: Evidence) -> Iterator[Finding]:
    """Layers that a far smaller gradient reaches than the last one."""
    for name, share, last in _against_last(evidence):
        if share < VANISHED:
            said = f"its gradient is {share:.1g} of that at {last}"
            words = (r"\b(SIGMOID|TANH|SCALEDTANH)\b", "BN -> RELU")
            yield Finding(name, said, evidence.rewritten(words))
            return  # the layers before it are no better


def exploding(evidence: Evidence) -> Iterator[Finding]:
    """Layers that a far larger gradient reaches than the last one."""
    for name, share, last in _against_last(evidence):
        if share > EXPLODED:
            said = f"its gradient is {share:,.0f} times that at {last}"
            yield Finding(name, said, evidence.train(initializer="usual"))
            return


def _against_last(evidence: Evidence) -> list[tuple[str, float, str]]:
    """(node, the length of its output's gradient over the last layer's, the last layer)."""
    if not evidence.is_finite:
        return []
    gradients = evidence.probe.seen.gradients
    layers = list(dict.fromkeys(node.name for node, _ in evidence.kernels))
    if len(layers) < 2:
        return []
    lengths = [float(np.linalg.norm(gradients[name].astype(np.float64))) for name in layers]
    last = lengths[-1]
    if last == 0:
        return []
    pairs = zip(layers[:-1], lengths[:-1], strict=True)
    return [(name, length / last, layers[-1]) for name, length in pairs]


def updates_too_large(evidence: Evidence) -> Iterator[Finding]:
    """Kernels that one step changes by about as much as they are."""
    for name, share in _updates(evidence):
        if share > LARGE:
            yield _update(evidence, name, share, evidence.recipe.rate / 100)
            return


def updates_too_small(evidence: Evidence) -> Iterator[Finding]:
    """Kernels that a step hardly changes, all of them."""
    found = _updates(evidence)
    if found and all(share < SMALL for _, share in found):
        name, share = max(found, key=lambda pair: pair[1])
        yield _update(evidence, name, share, evidence.recipe.rate * 1000)


def _update(evidence: Evidence, name: str, share: float, better: float) -> Finding:
    said = (
        f"one step of {evidence.recipe.optimizer} at {evidence.recipe.rate:.3g} changes its "
        f"weights by {share:.1g} of their size; 0.001 is usual"
    )
    return Finding(name, said, evidence.train(learning_rate=better))


def _updates(evidence: Evidence) -> list[tuple[str, float]]:
    """(node, its first update over its weights) of every kernel with a gradient."""
    if not evidence.is_finite:
        return []
    if not evidence.knows_recipe:
        raise Missing("needs the recipe: a run folder, or a model file of `striate train`")
    recipe, gradients = evidence.recipe, evidence.probe.seen.weight_gradients
    found = []
    for node, name in evidence.kernels:
        gradient = size_of(gradients[node.name][name])
        if gradient > 0:
            # Some layers begin near zero on purpose: then against what is usual for their inputs.
            usual = evidence.graph.weights(node)[name].fan_in ** -0.5
            weight = max(size_of(evidence.weights[node.name][name]), usual)
            # The first step of Adam moves every number by the rate.
            moved = recipe.rate * (1.0 if recipe.optimizer.startswith("adam") else gradient)
            found.append((node.name, moved / weight))
    return found
