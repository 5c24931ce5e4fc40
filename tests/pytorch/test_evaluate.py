from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from agreement import random_weights
from nets import branching, chain, lenet, with_side_exit
from striate import parse, why
from striate.graph import Call, Graph, Operator
from striate.ops import Dense, Dropout, Input, NoisyReLU, StochasticPool
from striate.passes.attach_loss import with_loss
from striate.pytorch.evaluate import values_and_gradients

Arrays = dict[str, np.ndarray]


def by_formulas(
    graph: Graph,
    weights: Mapping[str, Arrays],
    x: np.ndarray,
    target: np.ndarray,
    training: bool,
    noise: Arrays,
) -> tuple[Arrays, Arrays, dict[str, Arrays]]:
    """A second, shorter run of the operators' own forward and backward."""
    calls, values = {}, {}
    for node in graph:
        inputs = tuple(values[name] for name in node.inputs) or (x,)
        own = weights.get(node.name, {})
        random = node.operator.is_random
        call = Call(
            inputs,
            own,
            training and (not random or node.name in noise),
            noise.get(node.name),
            target if node.operator.is_loss else None,
        )
        values[node.name] = node.operator.forward(call)
        calls[node.name] = call.with_output(values[node.name])
    errors = {name: np.zeros_like(value) for name, value in values.items()}
    errors[graph.nodes[-1].name] += 1 / len(x)
    found = {}
    for node in reversed(graph.nodes):
        gradients = node.operator.backward(calls[node.name], errors[node.name])
        found[node.name] = dict(gradients.weights)
        for name, part in zip(node.inputs, gradients.inputs, strict=False):
            errors[name] += part
    return values, errors, found


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("net", [lenet, branching])
def test_every_node_is_answered(net: object, training: bool) -> None:
    graph = with_loss(net())  # type: ignore[operator]
    rng = np.random.default_rng(0)
    weights = random_weights(graph, rng)
    x = rng.standard_normal((4, *graph.specs["input"].shape))
    target = np.array([3, 0, 4, 1])
    noise = {}
    if training and "dropout" in graph:
        noise["dropout"] = (rng.random((4, *graph.specs["dropout"].shape)) > 0.4).astype(float)
    values, gradients, by_weight = values_and_gradients(
        graph, weights, x, target, training=training, noise=noise
    )
    wanted = by_formulas(graph, weights, x, target, training, noise)
    assert list(values) == list(gradients) == [node.name for node in graph]
    for name in values:
        np.testing.assert_allclose(values[name], wanted[0][name], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(gradients[name], wanted[1][name], rtol=1e-9, atol=1e-9)
    for node, own in by_weight.items():
        assert own.keys() == wanted[2][node].keys()
        for name, gradient in own.items():
            np.testing.assert_allclose(gradient, wanted[2][node][name], rtol=1e-9, atol=1e-9)


def test_stored_values_are_float32() -> None:
    graph = lenet()
    weights = random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 1, 13, 12))
    found = values_and_gradients(graph, weights, x, np.array([1, 2]), torch.float32)
    exact = values_and_gradients(graph, weights, x, np.array([1, 2]))
    for name, value in found.values.items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, exact.values[name], rtol=1e-3, atol=1e-3)


def test_side_exits_add_to_the_gradient() -> None:
    graph = with_side_exit()
    weights = random_weights(graph, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 2, 7, 6))
    found = values_and_gradients(graph, weights, x, np.array([1, 2]))
    z = found.values["side"]
    said = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) - np.eye(4)[[1, 2]]
    np.testing.assert_allclose(found.gradients["side"], 0.3 * said / 2, rtol=1e-9)


@pytest.mark.parametrize("operator", [Dropout(0.3), NoisyReLU(0.5), StochasticPool(2)], ids=str)
def test_noise_is_used_as_the_formulas_use_it(operator: Operator) -> None:
    graph = with_loss(chain(Input((2, 6, 4)), operator, Dense(3)))
    node = graph.nodes[1].name
    rng = np.random.default_rng(0)
    weights = random_weights(graph, rng)
    x = rng.standard_normal((4, 2, 6, 4))
    noise = {node: operator.draw(rng, x)}
    target = np.array([2, 0, 1, 2])
    found = values_and_gradients(graph, weights, x, target, training=True, noise=noise)
    values, gradients, _ = by_formulas(graph, weights, x, target, True, noise)
    np.testing.assert_allclose(found.values[node], values[node], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.gradients["input"], gradients["input"], rtol=1e-9, atol=1e-12)


def test_the_gradient_of_one_picture_that_was_permuted_passes_batch_normalization() -> None:
    tail = "PERMUTE 1x0 -> SCALE size=16x3 -> FLATTEN -> FC 4"
    graph = parse(f"INPUT 3x4x4 -> BN -> RESHAPE 3x16 -> {tail}")
    x = np.random.default_rng(0).standard_normal((1, 3, 4, 4))
    for place in ("0,1,2", "2,3,0"):
        explained = why(graph, x, f"input[{place}].grad", target=3)
        assert explained.relative_residual < 1e-4
