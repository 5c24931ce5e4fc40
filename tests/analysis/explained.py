"""Models and a picture whose numbers the tests of `why` ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from test_verify import chain

from striate.data.preprocess import Preprocessing
from striate.graph import Assembly, Graph
from striate.ops import (
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Input,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    SquaredError,
    Tanh,
)

Array = NDArray[Any]
CLASSES = ("crow", "jay", "magpie", "rook", "raven")


@dataclass(frozen=True)
class Model:
    """What `striate.Model` gives to a question."""

    graph: Graph
    weights: dict[str, dict[str, Array]]
    classes: tuple[str, ...] = CLASSES
    preprocessing: Preprocessing | None = None


def weights_of(graph: Graph, seed: int = 0) -> dict[str, dict[str, Array]]:
    rng = np.random.default_rng(seed)
    found: dict[str, dict[str, Array]] = {}
    for node in graph:
        for name, weight in graph.weights(node).items():
            positive = weight.role in ("gain", "statistic_one")
            drawn = rng.standard_normal(weight.shape) / np.sqrt(max(weight.fan_in, 1))
            value = rng.uniform(0.5, 1.5, weight.shape) if positive else drawn
            found.setdefault(node.name, {})[name] = value.astype(np.float32)
    return found


LENET = chain(
    Input((2, 13, 11)), Conv(3, 3, padding=1), BatchNorm(), ReLU(), MaxPool(2), Conv(4, 3),
    Tanh(), AveragePool(2), Dense(7), Sigmoid(), Dropout(0.4), Dense(5),
)  # fmt: skip


def residual() -> Graph:
    made = Assembly()
    stem = made.add(Conv(3, 3, padding=1), [made.add(Input((2, 13, 11)))], "stem.conv")
    inner = made.add(ReLU(), [made.add(Conv(3, 3, padding=1), [stem])])
    summed = made.add(Add(), [inner, stem, stem], "block.sum")
    made.exit(made.add(Dense(5), [summed], "aux"), 0.3)
    made.add(Softmax(), [made.add(Dense(5), [made.add(MaxPool(4), [summed])])])
    return made.graph()


MODELS = {
    "scores": Model(LENET, weights_of(LENET)),
    "probabilities": Model(residual(), weights_of(residual())),
    "squared": Model(
        squared := chain(Input((2, 13, 11)), Conv(2, 4), ReLU(), Dense(5), SquaredError()),
        weights_of(squared),
    ),
}
PICTURE = np.random.default_rng(5).standard_normal((2, 13, 11)).astype(np.float32)

PREPROCESSING = Preprocessing(1, 9, 12, mean=(0.25,), std=(0.5,))
PIXELS = np.random.default_rng(9).integers(1, 256, (9, 12), dtype=np.uint8)
SEEN = chain(
    Input((1, 9, 12)), Conv(3, 3, padding=1), ReLU(), MaxPool(2), Conv(4, 2), Tanh(), Dense(5)
)
PHOTOGRAPHED = Model(SEEN, weights_of(SEEN, 3), CLASSES, PREPROCESSING)
