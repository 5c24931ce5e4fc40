from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from agreement import random_weights
from nets import branching, chain, lenet, with_side_exit
from striate.graph import Auxiliary, Graph, Node, Operator
from striate.ops import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePool,
    Input,
    MaxPool,
    NoisyReLU,
    ReLU,
    TransposedConv,
)
from striate.passes.fold import folded
from striate.reference import run


def scores(graph: Graph, weights: dict[str, dict[str, np.ndarray]], x: np.ndarray) -> np.ndarray:
    return run(graph, weights, x).values[graph.scores.name]


def agree(graph: Graph, seed: int = 0) -> Graph:
    """Folding changes no score beyond float64 rounding."""
    rng = np.random.default_rng(seed)
    weights = random_weights(graph, rng)
    before = {name: {k: a.copy() for k, a in own.items()} for name, own in weights.items()}
    x = rng.standard_normal((3, *graph.specs[graph.inputs[0].name].shape))
    small, fewer = folded(graph, weights)
    wanted = scores(graph, weights, x)
    np.testing.assert_allclose(scores(small, fewer, x), wanted, rtol=1e-10, atol=1e-10)
    assert {n: sorted(own) for n, own in fewer.items()} == {
        node.name: sorted(small.weights(node)) for node in small if small.weights(node)
    }
    for name, own in before.items():
        for key, array in own.items():
            np.testing.assert_array_equal(weights[name][key], array)
    return small


def kinds(graph: Graph) -> list[str]:
    return [type(node.operator).__name__ for node in graph]


@pytest.mark.parametrize(
    ("x", "linear"),
    [
        (Input((3, 7, 6)), Conv(4, (3, 2), bias=False)),
        (Input((4, 7, 6)), Conv(6, 3, padding="same", groups=2)),
        (Input((3, 9)), Conv(5, 3, stride=2)),
        (Input((4, 5, 6)), TransposedConv(6, (3, 2), stride=2, groups=2)),
        (Input((4, 5)), TransposedConv(3, 3, bias=False)),
        (Input((7,)), Dense(5, bias=False)),
        (Input((7,)), Dense(5)),
        (Input((4, 5)), Dense(3, axis="channel")),
    ],
)
def test_every_linear_layer_takes_the_normalization_behind_it(x: Input, linear: Operator) -> None:
    small = agree(chain(x, linear, BatchNorm(epsilon=0.01), ReLU()))
    assert kinds(small) == ["Input", type(linear).__name__, "ReLU"]
    assert small.nodes[1].operator.bias  # type: ignore[attr-defined]


def test_normalization_that_follows_no_linear_layer_stays() -> None:
    graph = chain(
        *(Input((3, 8, 7)), BatchNorm(), ReLU(), Conv(4, 3, bias=False)),
        *(ReLU(), BatchNorm(), Conv(4, 3), MaxPool(2), BatchNorm(), Dense(3)),
    )
    assert agree(graph) == graph


def test_a_normalization_that_learns_nothing_folds_too() -> None:
    graph = chain(Input((3, 6, 5)), Conv(2, 3, bias=False), BatchNorm(affine=False), ReLU())
    assert kinds(agree(graph)) == ["Input", "Conv", "ReLU"]


def test_a_dense_layer_along_another_axis_keeps_the_normalization_behind_it() -> None:
    graph = chain(Input((4, 5)), Dense(3, axis="last"), BatchNorm())
    assert agree(graph) == graph


def test_a_value_that_others_read_too_stays() -> None:
    nodes = (
        Node("input", Input((3, 6, 5))),
        Node("conv", Conv(4, 3), ("input",)),
        Node("bn", BatchNorm(), ("conv",)),
        Node("add", Add(), ("bn", "conv")),
        Node("concat", Concat(), ("add", "add")),
        Node("conv2", Conv(2, 1), ("concat",)),
        Node("bn2", BatchNorm(), ("conv2",)),
        Node("twice", Add(), ("bn2", "bn2")),
    )
    small = agree(Graph(nodes))
    assert "bn" in small
    assert "bn2" not in small
    assert small["twice"].inputs == ("conv2", "conv2")


def test_two_normalizations_and_dropout_between() -> None:
    graph = chain(
        *(Input((2, 6, 5)), Conv(4, 3), Dropout(0.3), BatchNorm(), BatchNorm()),
        *(NoisyReLU(), Dense(5), BatchNorm(), Dropout(0.5), Dropout(0.1)),
    )
    assert kinds(agree(graph)) == ["Input", "Conv", "ReLU", "Flatten", "Dense"]


def test_a_connection_table_keeps_its_normalization() -> None:
    graph = chain(Input((3, 6, 5)), Conv(2, 3, table=((1, 0, 1), (0, 1, 1))), BatchNorm())
    assert agree(graph) == graph


def test_what_only_training_needs_is_gone() -> None:
    graph = with_side_exit(softmax=True)
    small = agree(graph)
    assert small.auxiliary == ()
    assert "side" not in small
    assert small.scores.name == "softmax"
    lossy = chain(Input((2, 6, 5)), Conv(4, 3), Dense(3), CrossEntropy())
    assert folded(lossy, random_weights(lossy, np.random.default_rng(0)))[0].loss is None


def test_a_side_exit_does_not_keep_a_normalization() -> None:
    nodes = (
        Node("input", Input((2, 6, 5))),
        Node("conv", Conv(4, 3), ("input",)),
        Node("bn", BatchNorm(), ("conv",)),
        Node("relu", ReLU(), ("bn",)),
        Node("pool", GlobalAveragePool(), ("relu",)),
        Node("flat", Flatten(), ("pool",)),
        Node("fc", Dense(3), ("flat",)),
    )
    assert "bn" not in agree(Graph(nodes, (Auxiliary("conv"),)))


@pytest.mark.parametrize("net", [lenet, branching, with_side_exit])
def test_whole_networks(net: Callable[[], Graph]) -> None:
    agree(net())


def test_weights_are_rounded_once() -> None:
    graph = chain(Input((3, 6, 5)), Conv(4, 3), BatchNorm())
    exact = random_weights(graph, np.random.default_rng(1))
    single = {n: {k: a.astype(np.float32) for k, a in own.items()} for n, own in exact.items()}
    double = {n: {k: a.astype(np.float64) for k, a in own.items()} for n, own in single.items()}
    found, wanted = folded(graph, single)[1], folded(graph, double)[1]
    for name in ("weight", "bias"):
        array = found["conv1"][name]
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, wanted["conv1"][name].astype(np.float32))
