"""Weights that several nodes share, in every engine: one Parameter, gradients summed."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from striate.analysis.verify import verify
from striate.analysis.why.inquiry import why
from striate.data import Preprocessing
from striate.engine import freeze, lower
from striate.engine.gradients import LossGradients
from striate.initialize import initialize
from striate.model import Model
from striate.notation import parse
from striate.passes.fold import folded
from striate.pytorch.source import source
from striate.pytorch.weights import load_weights, weights_of
from striate.reference import run, step

TIED = (
    "INPUT 2x8x8 -> CONV 2 3x3 same -> RELU -> CONV 2 3x3 same shares=conv1 -> BN -> RELU "
    "-> CONV 2 3x3 same shares=conv1 -> MAXPOOL 2 -> FC 3"
)
TWINS = (
    "INPUT 1x6x6 -> { a: CONV 2 3x3 -> BN | FLIP row -> b: CONV 2 3x3 shares=a -> BN "
    "shares=bn1 } SUB -> FC 2"
)
PAIR = "INPUT 1x12x12 -> FC 16 -> RELU -> FC 16 -> RELU -> FC 16 shares=fc2 -> RELU -> FC 5"


@pytest.mark.parametrize("written", [TIED, TWINS, PAIR])
def test_formulas_and_pytorch_agree(written: str) -> None:
    assert verify(parse(written)).ok


class ByHand(nn.Module):
    """TIED as a person writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2)
        self.fc1 = nn.Linear(32, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc1(torch.max_pool2d(self.conv1(x), 2).flatten(1))


def test_training_gradients_are_those_of_a_network_by_hand() -> None:
    graph = parse(TIED)
    lowered, by_hand = lower(graph), ByHand()
    assert lowered.conv1.weight is lowered.conv3.weight
    assert len([*lowered.parameters()]) == len([*by_hand.parameters()])
    by_hand.load_state_dict(lowered.state_dict(), strict=False)
    x, target = torch.randn(4, 2, 8, 8), torch.tensor([0, 2, 1, 1])
    LossGradients(graph, lowered)(x, target)
    nn.functional.cross_entropy(by_hand(x), target).backward()
    for name, wanted in by_hand.named_parameters():
        torch.testing.assert_close(lowered.get_parameter(name).grad, wanted.grad)


def test_copies_stay_tied_and_weights_go_both_ways() -> None:
    graph = parse(TIED)
    lowered = lower(graph)
    pickled = pickle.loads(pickle.dumps(lowered))  # noqa: S301 - written a moment ago
    for each in (copy.deepcopy(lowered), pickled, lowered.double()):
        assert each.conv1.weight is each.conv2.weight
    found = weights_of(lowered)
    assert "conv2" not in found
    assert set(found["conv1"]) == {"weight", "bias"}
    found["conv1"]["weight"][:] = 1
    load_weights(lowered, found)
    assert (lowered.conv3.weight == 1).all()


def test_frozen_predicts_the_same_and_a_file_keeps_one(tmp_path: Path) -> None:
    graph = parse(TWINS)
    weights = initialize(graph, seed=1)
    x = torch.randn(3, 1, 6, 6)
    lowered = lower(graph, weights).eval()
    torch.testing.assert_close(freeze(graph, weights)(x), lowered(x))
    small, own = folded(graph, weights)
    assert all(not node.shares for node in small)
    assert set(own) == {"a", "b", "fc1"}
    model = Model(graph, weights, ("no", "yes"), Preprocessing(1, 6, 6, mean=(0.0,), std=(1.0,)))
    model.save(tmp_path / "twins.safetensors")
    again = Model.load(tmp_path / "twins.safetensors")
    assert again.graph == graph
    assert set(again.weights) == {"a", "bn1", "bn2", "fc1"}
    assert set(again.weights["bn2"]) == {"running_mean", "running_var"}


def test_its_plain_source_ties_them() -> None:
    graph = parse(TIED)
    space: dict[str, type[nn.Module]] = {}
    exec(compile(source(graph), "source", "exec"), space)
    module = space["Network"]()
    assert module.conv1.weight is module.conv2.weight
    lowered = lower(graph).eval()
    module.load_state_dict(lowered.state_dict())
    x = torch.randn(2, 2, 8, 8)
    torch.testing.assert_close(module.eval()(x), lowered(x))


def test_why_sums_over_all_that_share() -> None:
    graph = parse(TIED)
    model = (graph, initialize(graph, seed=2))
    x = np.random.default_rng(0).standard_normal((2, 8, 8))
    answer = why(model, x, "conv2.weight[0,1,2,2].grad", target=1)
    assert answer.what == "conv1.weight[0,1,2,2].grad"
    errors = {factor.what.partition("[")[0] for term in answer.terms for factor in term.factors[:1]}
    assert errors == {"conv1", "conv2", "conv3"}
    assert abs(answer.sum - answer.reference) <= 1e-12
    value = why(model, x, "conv3[1,2,2]")
    assert any("conv1.weight[" in factor.what for t in value.terms for factor in t.factors)


def test_a_step_of_descent_moves_the_one_weight_by_the_sum() -> None:
    graph = parse(TIED)
    weights = initialize(graph, seed=3)
    x, target = np.random.default_rng(1).standard_normal((4, 2, 8, 8)), np.array([0, 1, 2, 0])
    after = step(graph, weights, x, target, rate=0.1).weights
    assert set(after) == {"conv1", "bn1", "fc1"}
    slope = run(graph, weights, x, target=target, training=True).backward().weights["conv1"]
    np.testing.assert_allclose(
        after["conv1"]["weight"], weights["conv1"]["weight"] - 0.1 * slope["weight"], atol=1e-12
    )
