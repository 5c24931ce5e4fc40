from __future__ import annotations

import numpy as np
import pytest
from sample_networks import batch, branched, chain, networks, plain, random_weights

from striate import reference
from striate.errors import SettingError, ShapeError, WeightsError
from striate.graph import Graph
from striate.ops import CrossEntropy, Dense, Input
from striate.pytorch.evaluate import values_and_gradients

NETWORKS = networks()


@pytest.mark.parametrize("training", [False, True], ids=["fixed", "training"])
@pytest.mark.parametrize("graph", NETWORKS.values(), ids=NETWORKS)
def test_values_and_gradients_are_pytorchs(graph: Graph, training: bool) -> None:
    rng = np.random.default_rng(7)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng)
    trace = reference.run(graph, weights, x, target=target, training=training, rng=rng)
    wanted = values_and_gradients(
        trace.graph, weights, x, target, training=training, noise=trace.noise
    )
    backward = trace.backward()
    assert set(trace.values) == set(backward.nodes) == set(wanted.values)
    for name in trace.values:
        np.testing.assert_allclose(trace.values[name], wanted.values[name], 1e-9, 1e-11)
        np.testing.assert_allclose(backward.nodes[name], wanted.gradients[name], 1e-9, 1e-11)
    assert set(backward.weights) == {n for n, own in wanted.weight_gradients.items() if own}
    for name, own in backward.weights.items():
        assert set(own) == set(wanted.weight_gradients[name])
        for key, gradient in own.items():
            np.testing.assert_allclose(gradient, wanted.weight_gradients[name][key], 1e-9, 1e-11)


@pytest.mark.parametrize("graph", NETWORKS.values(), ids=NETWORKS)
def test_gradients_are_central_differences_of_the_loss(graph: Graph) -> None:
    rng = np.random.default_rng(8)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng)
    trace = reference.run(graph, weights, x, target=target)
    backward = trace.backward()
    for name, own in backward.weights.items():
        for key, gradient in own.items():
            where = tuple(int(rng.integers(n)) for n in gradient.shape)
            losses = []
            for shift in (1e-6, -1e-6):
                moved = {n: {k: v.copy() for k, v in w.items()} for n, w in weights.items()}
                moved[name][key][where] += shift
                losses.append(reference.run(graph, moved, x, target=target).loss)
            slope = (losses[0] - losses[1]) / 2e-6
            assert slope == pytest.approx(gradient[where], rel=1e-5, abs=1e-8)


def test_a_given_error_starts_the_backward_pass_anywhere() -> None:
    graph, rng = plain(), np.random.default_rng(9)
    weights, (x, _) = random_weights(graph, rng), batch(graph, rng)
    trace = reference.run(graph, weights, x)
    error = rng.standard_normal(trace.values["fc2"].shape)
    last, inner = trace.backward(error), trace.backward({"relu1": trace.values["relu1"]})
    assert np.allclose(last.weights["fc2"]["bias"], error.sum(axis=0))
    assert not inner.nodes["fc2"].any()
    step = 1e-6 * rng.standard_normal(x.shape)
    moved = reference.run(graph, weights, x + step).values["relu1"]
    change = ((moved**2).sum() - (trace.values["relu1"] ** 2).sum()) / 2
    assert change == pytest.approx((inner.nodes["input"] * step).sum(), rel=1e-4)


def test_only_what_is_needed_is_evaluated() -> None:
    graph, rng = branched(CrossEntropy()), np.random.default_rng(1)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng)
    trace = reference.prepared(graph, weights, x, target=target)
    trace.reach(["conv2"])
    assert set(trace.values) == {"input", "conv1", "bn1", "conv2"}


def test_one_picture_and_a_batch_of_one_are_the_same() -> None:
    graph, rng = plain(), np.random.default_rng(2)
    weights, (x, _) = random_weights(graph, rng), batch(graph, rng, 1)
    one, many = (reference.run(graph, weights, each).values["fc2"] for each in (x[0], x))
    assert one.shape == (1, 5)
    assert np.array_equal(one, many)


def test_several_inputs_are_taken_in_order() -> None:
    from striate.graph import Assembly
    from striate.ops import Multiply

    made = Assembly()
    made.add(Multiply(), [made.add(Input((3,)), name="a"), made.add(Input((3,)), name="b")])
    trace = reference.run(made.graph(), {}, [np.array([1.0, 2, 3]), np.array([4.0, 5, 6])])
    assert trace.values["mul1"].tolist() == [[4, 10, 18]]


def test_wrong_requests_are_told_with_the_sizes() -> None:
    graph, rng = chain(Input((2, 3, 5)), Dense(4)), np.random.default_rng(3)
    weights = random_weights(graph, rng)
    with pytest.raises(ShapeError, match="input takes 2x3x5, but the array given is 2x5x3"):
        reference.run(graph, weights, np.zeros((2, 5, 3)))
    with pytest.raises(ShapeError, match="1 inputs, but 2"):
        reference.run(graph, weights, [np.zeros((2, 3, 5))] * 2)
    with pytest.raises(WeightsError, match=r"fc1.weight has the shape \(4, 4\).*\(4, 30\)"):
        reference.run(graph, {"fc1": {"weight": np.zeros((4, 4))}}, np.zeros((2, 3, 5)))
    with pytest.raises(WeightsError, match=r"fc1\.weight is missing"):
        reference.run(graph, {}, np.zeros((2, 3, 5)))
    with pytest.raises(WeightsError, match="Did you mean fc1"):
        reference.run(graph, {**weights, "fc11": weights["fc1"]}, np.zeros((2, 3, 5)))
    trace = reference.run(graph, weights, np.zeros((2, 3, 5)))
    with pytest.raises(SettingError, match="without a loss and a target"):
        trace.backward()
    with pytest.raises(SettingError, match="no loss without a target"):
        _ = trace.loss
    with pytest.raises(ShapeError, match="the error of fc1"):
        trace.backward(np.zeros((1, 5)))
    with pytest.raises(SettingError, match="names no class"):
        reference.run(graph, weights, np.zeros((2, 3, 5)), target=np.array([4]))


def test_noise_needs_a_generator_and_repeats_with_its_seed() -> None:
    graph, rng = plain(), np.random.default_rng(4)
    weights, (x, _) = random_weights(graph, rng), batch(graph, rng)
    with pytest.raises(SettingError, match="default_rng"):
        reference.run(graph, weights, x, training=True)
    runs = [
        reference.run(graph, weights, x, training=True, rng=np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    values = [each.values["dropout1"] for each in runs]
    assert np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])
    again = reference.run(graph, weights, x, training=True, noise=runs[2].noise)
    assert np.array_equal(again.values["fc2"], runs[2].values["fc2"])
