"""Batch normalizations of a lowered network: when one kernel stands for them, and what it keeps."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agreement import random_weights
from striate.engine import freeze, lower, segments
from striate.engine.describe import segments as described
from striate.fused import batch_norm as fused
from striate.graph import Graph
from striate.notation import parse

pytestmark = pytest.mark.compiler

TEXT = (
    "INPUT 3x9x11 -> CONV 7 3x3 same -> BN -> RELU -> "
    "{ CONV 5 3x3 same -> BN -> RELU -> CONV 7 3x3 same -> BN | PASS } ADD -> RELU -> "
    "{ CONV 6 3x3 -> BN | CONV 6 3x3 -> BN } ADD -> RELU -> "
    "CONV 4 3x3 -> BN -> RELU -> MAXPOOL 2 -> FC 5"
)
ALL = ["relu", "relu", "sum", "sum", "relu"]


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What stood behind each normalization that the kernel computed."""
    monkeypatch.setenv("STRIATE_FUSED", "require")
    seen: list[str] = []
    kernel = fused.batch_norm

    def noted(*given: object) -> tuple[Tensor, Tensor]:
        seen.append("sum" if len(given) > 4 else "relu")
        return kernel(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(fused, "batch_norm", noted)
    return seen


def batch(dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(6, 3, 9, 11, generator=torch.Generator().manual_seed(seed)).to(dtype)


def test_every_normalization_is_one_call(calls: list[str]) -> None:
    lower(parse(TEXT))(batch())
    assert calls == ALL


def test_they_are_shown() -> None:
    found = [c for c in described(parse(TEXT)) if c.kernel == "batch normalization"]
    assert [len(each.nodes) for each in found] == [2, 2, 3, 3, 3]
    assert found[2].nodes == ("bn3", "add1", "relu3")
    assert found[4].nodes == ("bn6", "pool1", "relu5")
    assert found[2].layers == (fused.shape_of((7, 9, 11), adds=True),)


def test_training_is_that_of_the_formulas() -> None:
    """Three steps: scores, running statistics and weights, beside plain PyTorch in float64."""
    graph = parse(TEXT)
    weights = random_weights(graph, np.random.default_rng(1))
    states = []
    for fast, dtype in ((True, torch.float32), (False, torch.float64)):
        module = lower(graph, weights, fast=fast).to(dtype)
        update = torch.optim.SGD(module.parameters(), lr=1e-3)
        for seed in range(3):
            y = module(batch(dtype, seed))
            update.zero_grad()
            (y * torch.arange(5.0).to(dtype)).square().mean().backward()
            update.step()
        states.append({"scores": y.detach(), **module.state_dict()})
    for name, exact in states[1].items():
        if exact.dtype == torch.float64:
            scale = exact.abs().max().item()
            found = states[0][name].double()
            torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-4 * scale, msg=name)
        else:
            assert torch.equal(states[0][name], exact)


def test_running_statistics_are_those_of_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    module = lower(parse("INPUT 3x9x11 -> CONV 7 3x3 -> BN momentum=0.3 -> RELU -> FC 2"))
    other = copy.deepcopy(module)
    for seed in range(3):
        module(batch(seed=seed))
    monkeypatch.setattr(segments, "_runs", lambda *given: False)
    for seed in range(3):
        other(batch(seed=seed))
    for name, value in other.state_dict().items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=2e-6, atol=1e-7)


def heard(module: nn.Module) -> None:
    module.bn2.register_forward_hook(lambda *given: None)
    module.relu1.register_forward_pre_hook(lambda *given: None)
    module.bn4.register_full_backward_hook(lambda *given: None)


def cumulative(module: nn.Module) -> None:
    module.bn1.momentum = None
    module.bn2.track_running_stats = False
    module.bn3.eval()


def momentum(module: nn.Module) -> None:
    module.bn1.momentum = 0.3


def resting(module: nn.Module) -> None:
    module.bn3.eval()


def replaced(module: nn.Module) -> None:
    module.bn1 = nn.BatchNorm2d(7, affine=False)
    module.bn2 = nn.GroupNorm(5, 5)
    module.relu3 = nn.ReLU6()


def test_a_normalization_that_learns_nothing_is_left_to_pytorch(calls: list[str]) -> None:
    module = lower(parse(TEXT.replace("BN", "BN affine=no")))
    module(batch()).sum().backward()
    assert not calls


@pytest.mark.parametrize(
    ("change", "left"), [(heard, 0), (cumulative, 0), (replaced, 0), (momentum, 5), (resting, 4)]
)
def test_changed_modules_are_used(
    change: Callable[[nn.Module], None], left: int, calls: list[str]
) -> None:
    module = lower(parse(TEXT))
    change(module)
    true = copy.deepcopy(module)
    found = module(batch())
    assert len(calls) == left
    x = torch.relu(true.bn1(true.conv1(batch())))
    y = true.relu2(true.bn2(true.conv2(x)))
    x = true.relu3(true.add1(true.bn3(true.conv3(y)), x))
    x = torch.relu(true.bn5(true.conv5(x)) + true.bn4(true.conv4(x)))
    x = true.fc1(torch.relu(true.pool1(true.bn6(true.conv6(x)))).flatten(1))
    torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-4)


def test_other_worlds_are_pytorchs(calls: list[str]) -> None:
    graph = parse(TEXT)
    module = lower(graph)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    compiled(batch())
    torch.export.export(module, (batch(),))
    module.eval()(batch())
    module.train().double()(batch(torch.float64))
    module.float()
    with torch.autocast("cpu", torch.bfloat16):
        module(batch())
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        lower(parse("INPUT 3x1x1 -> CONV 4 1x1 -> BN -> RELU -> FC 2"))(batch()[:1, :, :1, :1])
    freeze(graph, random_weights(graph, np.random.default_rng(0)))(batch())
    assert calls == []


def test_what_others_read_is_kept() -> None:
    """A normalization or a sum that is read twice, and a sum of one map with itself."""
    for text in (
        "INPUT 3x9x11 -> CONV 4 3x3 -> { BN -> { RELU | PASS } ADD | PASS } ADD -> RELU -> FC 2",
        "INPUT 3x9x11 -> CONV 4 3x3 -> BN -> { PASS | PASS } ADD -> RELU -> FC 2",
        "INPUT 3x9x11 -> CONV 4 3x3 -> { BN | PASS | PASS } ADD -> RELU -> FC 2",
        "INPUT 3x9x11 -> CONV 4 3x3 -> { BN | PASS } ADD -> { RELU | TANH } ADD -> FC 2",
    ):
        assert_same(parse(text))


def assert_same(graph: Graph) -> None:
    weights = random_weights(graph, np.random.default_rng(2))
    exact = lower(graph, weights, fast=False).double()(batch(torch.float64))
    torch.testing.assert_close(lower(graph, weights)(batch()).double(), exact, rtol=1e-4, atol=1e-4)
