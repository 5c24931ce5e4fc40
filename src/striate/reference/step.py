"""One step of plain gradient descent: the proof that the formulas are the whole story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from striate.graph import Graph
from striate.ops.arrays import Array, Weights
from striate.reference.run import run


class DescentStep(NamedTuple):
    """What one step gives: the loss before it, and the weights after it."""

    loss: float
    weights: dict[str, dict[str, Array]]


def step(
    graph: Graph,
    weights: Weights,
    x: Array | Sequence[Array],
    target: Array,
    *,
    rate: float,
    rng: np.random.Generator | None = None,
) -> DescentStep:
    """Stochastic gradient descent: weight - rate · gradient of the mean loss over the batch.

    Running statistics follow the batch; the weights passed in stay as they are.

    Args:
        x: pictures (N, C, H, W).
        target: class numbers (N,), or wanted values.
        rate: the learning rate.
        rng: the generator of dropout's noise.

    Raises:
        ShapeError, WeightsError, SettingError: as `run`.
    """
    trace = run(graph, weights, x, training=True, target=target, rng=rng)
    gradients = trace.backward().weights
    after = {}
    for name, own in trace.weights.items():
        slopes = gradients.get(name, {})
        moved = {
            key: value - rate * slopes[key] if key in slopes else value
            for key, value in own.items()
        }
        after[name] = moved | dict(trace.graph[name].operator.update(trace.calls[name]))
    return DescentStep(trace.loss, after)
