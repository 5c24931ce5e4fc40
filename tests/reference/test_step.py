from __future__ import annotations

import numpy as np
import torch
from sample_networks import batch, branched, chain, random_weights

from striate import reference
from striate.engine import lower
from striate.ops import BatchNorm, Conv, CrossEntropy, Dense, Input, MaxPool, ReLU
from striate.pytorch import load_weights, loss_function, weights_of


def test_a_step_is_pytorchs_sgd_step() -> None:
    graph, rng = branched(CrossEntropy(), side=True), np.random.default_rng(11)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng, 4)
    module = lower(graph, fast=False).double().train()
    load_weights(module, weights)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.2)
    for _ in range(3):
        taken = reference.step(graph, weights, x, target, rate=0.2)
        weights = taken.weights
        optimizer.zero_grad()
        loss = loss_function(graph)(module(torch.from_numpy(x)), torch.from_numpy(target))
        loss.backward()
        optimizer.step()
        assert abs(taken.loss - loss.item()) < 1e-12
        for name, own in weights_of(module).items():
            for key, value in own.items():
                np.testing.assert_allclose(weights[name][key], value, 1e-9, 1e-11)


def test_it_learns_to_tell_stripes_apart() -> None:
    graph = chain(
        Input((1, 8, 8)), Conv(4, 3), BatchNorm(), ReLU(), MaxPool(2), Dense(2), CrossEntropy()
    )
    rng = np.random.default_rng(12)
    target = rng.integers(0, 2, 60)
    waves = np.tile(np.sin(np.arange(8) * 2.0), (8, 1))
    x = np.stack([waves.T if each else waves for each in target])[:, None]
    x = x + 0.5 * rng.standard_normal(x.shape)
    weights = random_weights(graph, rng)
    losses = []
    for _ in range(40):
        loss, weights = reference.step(graph, weights, x[:40], target[:40], rate=0.3)
        losses.append(loss)
    assert losses[-1] < losses[0] / 5
    scores = reference.run(graph, weights, x[40:]).values["fc1"]
    assert (scores.argmax(axis=1) == target[40:]).mean() > 0.9


def test_the_weights_passed_in_stay() -> None:
    graph, rng = branched(CrossEntropy()), np.random.default_rng(13)
    weights, (x, target) = random_weights(graph, rng), batch(graph, rng)
    before = {n: {k: v.copy() for k, v in own.items()} for n, own in weights.items()}
    after = reference.step(graph, weights, x, target, rate=0.1).weights
    for name, own in before.items():
        for key, value in own.items():
            assert np.array_equal(value, weights[name][key])
            assert not np.array_equal(value, after[name][key])
