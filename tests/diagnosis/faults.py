"""Eight small networks, and faults to plant in each: the verdict that a diagnosis must reach."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from striate import diagnose, train
from striate.data import DataSet, load
from striate.data.dataset import Split
from striate.diagnosis import Diagnosis
from striate.errors import NumbersError
from striate.graph import Graph
from striate.initialize import initialize
from striate.notation import parse
from striate.passes.attach_loss import with_loss

NETWORKS = {
    "plain": "INPUT 1x8x8 -> CONV 8 3x3 same -> RELU -> MAXPOOL 2 -> CONV 16 3x3 same -> RELU "
    "-> FC 10",
    "units": "INPUT 1x8x8 -> FC 48 -> RELU -> FC 32 -> RELU -> FC 10",
    "tanh": "INPUT 1x8x8 -> CONV 6 3x3 -> TANH -> AVGPOOL 2 -> FC 32 -> TANH -> FC 10",
    "sigmoid": "INPUT 1x8x8 -> CONV 8 3x3 -> SIGMOID -> FC 32 -> SIGMOID -> FC 10",
    "normalized": "INPUT 1x8x8 -> CONV 8 3x3 same bias=no -> BN -> RELU -> MAXPOOL 2 "
    "-> CONV 16 3x3 same bias=no -> BN -> RELU -> GAP -> FC 10",
    "residual": "INPUT 1x8x8 -> CONV 8 3x3 same -> BN -> RELU "
    "-> { CONV 8 3x3 same -> BN -> RELU | PASS } ADD -> MAXPOOL 2 -> FC 10",
    "branches": "INPUT 1x8x8 -> CONV 8 3x3 same -> RELU "
    "-> { CONV 4 1x1 -> RELU | CONV 4 3x3 same -> RELU | MAXPOOL 3 stride=1 same } CONCAT "
    "-> MAXPOOL 2 -> FC 10",
    "dropout": "INPUT 1x8x8 -> CONV 12 3x3 -> RELU6 -> MAXPOOL 2 -> DROPOUT 0.2 -> FC 24 -> RELU "
    "-> FC 10",
}

Answer = Callable[[str], Diagnosis]


def digits(pictures: int = 700) -> DataSet:
    """Some of the digits."""
    whole = load("digits")
    return replace(whole, train=whole.train.take(np.arange(pictures)))


def _changed(text: str, change: Callable[[Graph, Any], None]) -> Diagnosis:
    """A diagnosis of first weights with something changed in them."""
    graph = with_loss(parse(text))
    weights = initialize(graph, seed=1)
    change(graph, weights)
    return diagnose(graph, digits(), first=weights)


def _kernels(graph: Graph) -> list[str]:
    """Nodes with a kernel, in order."""
    return [n.name for n in graph if any(w.role == "kernel" for w in graph.weights(n).values())]


def _shifted(graph: Graph, weights: Any, *, last: bool = False) -> None:
    """Biases before rectifiers far below zero: of the first layer, or of the branch's."""
    rectifiers = [n for n in graph if n.operator.label.startswith("relu")]
    before = graph[rectifiers[-1 if last else 0].inputs[0]]
    weights[before.name]["bias"][:] = -1e3


def _branch(graph: Graph, weights: Any) -> None:
    merge = next(n for n in graph if len(n.inputs) > 1 and not n.operator.is_loss)
    before = graph[graph[merge.inputs[0]].inputs[0]]
    weights[before.name]["bias"][:] = -1e3


def _scaled(factor: float, place: int) -> Callable[[Graph, Any], None]:
    def change(graph: Graph, weights: Any) -> None:
        weights[_kernels(graph)[place]]["weight"] *= factor

    return change


def _not_finite(graph: Graph, weights: Any) -> None:
    weights[_kernels(graph)[-1]]["weight"].flat[0] = np.nan


def _overflowing(graph: Graph, weights: Any) -> None:
    for name in _kernels(graph):
        weights[name]["weight"] *= np.float32(1e30)


def _ended(text: str, end: str) -> Diagnosis:
    return diagnose(f"{text} -> {end}", digits())


def _labeled(text: str) -> Diagnosis:
    data = digits()
    order = np.random.default_rng(5).permutation(len(data.train))
    train = data.train.relabeled(np.asarray(data.train.labels)[order])
    return diagnose(text, replace(data, train=train))


def _few(text: str) -> Diagnosis:
    return diagnose(text, digits(40))


def _leaking(text: str) -> Diagnosis:
    data = digits()
    test = data.test
    assert isinstance(test, Split)
    assert isinstance(data.train, Split)
    images = np.concatenate([test.images[:-9], data.train.images[:9]])
    labels = np.concatenate([test.labels[:-9], data.train.labels[:9]])
    return diagnose(text, replace(data, test=Split(images, labels)))


def _set(**settings: Any) -> Answer:
    return lambda text: diagnose(text, digits(), **settings)


def _deeper(text: str) -> Diagnosis:
    small = "MAXPOOL 2 -> CONV 8 3x3 same -> RELU -> MAXPOOL 2 -> CONV 8 3x3 same -> RELU -> FC 10"
    return diagnose(text.replace("FC 10", small), digits())


def _by_heart(text: str) -> Diagnosis:
    """A run that has learned wrong labels by heart."""
    data = digits(120)
    wrong = data.train.relabeled(np.random.default_rng(2).permutation(data.train.labels))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        settings = {"epochs": 80, "learning_rate": 5e-3, "batch_size": 20, "quiet": True}
        train(text, replace(data, train=wrong), run=run, **settings)
        return diagnose(run, replace(data, train=wrong))


def _diverged(text: str) -> Diagnosis:
    """A run that ended because its loss was no number any more."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        with suppress(NumbersError):
            train(text, digits(), run=run, optimizer="sgd", learning_rate=1e6, epochs=2, quiet=True)
        return diagnose(run, digits())


@dataclass(frozen=True)
class Fault:
    """A fault to plant.

    Args:
        kind: the verdict.
        what: in words.
        plant: the diagnosis of a network with it.
        networks: where it can be planted; every network without any.
    """

    kind: str
    what: str
    plant: Answer
    networks: tuple[str, ...] = tuple(NETWORKS)


RECTIFIED = ("plain", "units", "normalized", "residual", "branches", "dropout")
SQUASHED = ("tanh", "sigmoid")
MERGING = ("residual", "branches")
UNEVEN = ("plain", "units", "tanh", "branches")

FAULTS = (
    Fault("loss_not_finite", "a weight that is NaN", lambda t: _changed(t, _not_finite)),
    Fault("loss_not_finite", "weights of 1e30", lambda t: _changed(t, _overflowing), ("plain",)),
    Fault("softmax_twice", "two softmax layers", lambda t: _ended(t, "SOFTMAX -> SOFTMAX")),
    Fault(
        "softmax_twice",
        "the cross-entropy of scores behind a softmax",
        lambda t: _ended(t, "SOFTMAX -> CROSSENTROPY"),
        UNEVEN,
    ),
    Fault(
        "first_loss", "last weights 100 times too large", lambda t: _changed(t, _scaled(100, -1))
    ),
    Fault(
        "first_loss", "normal(1) first weights", _set(initializer="normal(1)"), ("plain", "units")
    ),
    Fault("not_normalized", "pictures from 0 to 1", _set(normalize=False)),
    Fault("labels_shuffled", "labels in another order", _labeled),
    Fault("too_few_pictures", "40 pictures of ten classes", _few),
    Fault("leak", "nine test pictures from the training ones", _leaking),
    Fault("dead_relu", "biases of -1000", lambda t: _changed(t, _shifted), RECTIFIED),
    Fault("saturated", "first weights x 300", lambda t: _changed(t, _scaled(300, 0)), SQUASHED),
    Fault(
        "dead_branch", "biases of -1000", lambda t: _changed(t, _branch), ("residual", "branches")
    ),
    Fault("vanishing_gradient", "last weights x 1e-6", lambda t: _changed(t, _scaled(1e-6, -1))),
    Fault("exploding_gradient", "last weights x 1e6", lambda t: _changed(t, _scaled(1e6, -1))),
    Fault("update_too_large", "Adam at 1", _set(learning_rate=1.0)),
    Fault("update_too_small", "descent at 1e-8", _set(optimizer="sgd", learning_rate=1e-8)),
    Fault("rate_too_high", "descent at 300", _set(optimizer="sgd", learning_rate=300.0)),
    Fault("rate_too_high", "a run that diverged", _diverged, ("plain", "units")),
    Fault("rate_too_low", "Adam at 1e-6", _set(learning_rate=1e-6)),
    Fault("overfitting", "wrong labels learned by heart", _by_heart, ("units", "plain")),
    Fault("tiny_batch", "two pictures a step", _set(batch_size=2), ("normalized", "residual")),
    Fault(
        "field_outgrows_picture",
        "two more convolutions",
        _deeper,
        ("plain", "residual", "branches"),
    ),
)


def planted() -> Iterator[tuple[Fault, str]]:
    """Every fault with each network it is planted in."""
    for fault in FAULTS:
        for name in fault.networks:
            yield fault, name
