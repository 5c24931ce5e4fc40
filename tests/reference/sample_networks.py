"""Small networks that between them use every operator, with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from striate.graph import Assembly, Graph, Operator
from striate.ops import (
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    Input,
    LogLoss,
    MaxPool,
    Multiply,
    ReLU,
    Sigmoid,
    Softmax,
    SquaredError,
    Tanh,
)

Array = NDArray[Any]
Weights = dict[str, dict[str, Array]]


def chain(*operators: Operator) -> Graph:
    """A network without branches."""
    made, inputs = Assembly(), []
    for operator in operators:
        inputs = [made.add(operator, inputs)]
    return made.graph()


def plain(loss: Operator | None = None) -> Graph:
    """A LeNet in miniature, sizes all different."""
    layers: list[Operator] = [
        Input((2, 11, 13)),
        Conv(3, (3, 2), padding="same"),
        ReLU(),
        MaxPool(2),
        Conv(4, 3, stride=(1, 2), groups=1),
        Tanh(),
        Dense(7),
        Sigmoid(),
        Dropout(0.3),
        Dense(5),
    ]
    return chain(*layers, *([loss] if loss else []))


def branched(loss: Operator | None = None, *, side: bool = False) -> Graph:
    """Branches, merges, batch normalization, a shared input, and perhaps a side exit."""
    made = Assembly()
    x = made.add(Input((2, 9, 7)))
    stem = made.add(BatchNorm(), [made.add(Conv(4, 3, padding=1, bias=False), [x])])
    left = made.add(ReLU(), [made.add(Conv(4, 1), [stem])])
    right = made.add(Sigmoid(), [stem])
    gated = made.add(Multiply(), [left, right])
    summed = made.add(Add(), [gated, stem, stem])
    pooled = made.add(AveragePool(3, stride=2, padding=1, include_padding=False), [summed])
    both = made.add(Concat(), [pooled, made.add(MaxPool(3, stride=2, padding=1), [summed])])
    if side:
        made.exit(made.add(Dense(6), [gated], "aux"), 0.3)
    ends = {LogLoss: [Dense(6), Softmax()]}.get(type(loss), [Dense(6)])
    for operator in ends:
        both = made.add(operator, [both])
    if loss:
        made.add(loss, [both])
    return made.graph()


def networks() -> dict[str, Graph]:
    """One of each kind, by name."""
    return {
        "plain": plain(CrossEntropy()),
        "squared": plain(SquaredError()),
        "branched": branched(CrossEntropy(0.1)),
        "probabilities": branched(LogLoss()),
        "side exit": branched(CrossEntropy(), side=True),
        "signal": chain(Input((2, 17)), Conv(3, 4, dilation=2), ReLU(), MaxPool(2), Dense(4)),
        "linear": chain(Input((5,)), Dense(3)),
    }


def random_weights(graph: Graph, rng: np.random.Generator) -> Weights:
    """Weights that keep values near one; gains and variances are positive."""
    found: Weights = {}
    for node in graph:
        for name, weight in graph.weights(node).items():
            positive = weight.role in ("gain", "statistic_one")
            drawn = rng.standard_normal(weight.shape) / np.sqrt(weight.fan_in)
            value = rng.uniform(0.3, 1.7, weight.shape) if positive else drawn
            found.setdefault(node.name, {})[name] = value
    return found


def batch(graph: Graph, rng: np.random.Generator, pictures: int = 3) -> tuple[Array, Array]:
    """Random pictures and classes."""
    x = rng.standard_normal((pictures, *graph.specs[graph.inputs[0].name].shape))
    return x, rng.integers(0, graph.specs[graph.scores.name].size, pictures)
