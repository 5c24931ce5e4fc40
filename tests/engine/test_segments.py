from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from agreement import random_weights
from nets import chain
from striate.engine import freeze, lower, segments
from striate.engine.trained import BoundTrained
from striate.fused import build
from striate.fused.conv_pool import available
from striate.graph import Graph, Operator
from striate.ops import (
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Input,
    L2Pool,
    MaxPool,
    ReLU,
    Sigmoid,
    Tanh,
)
from striate.pytorch.weights import weights_of


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which fused calls were made."""
    seen: list[str] = []
    kernel = segments.conv_pool

    def noted(*given: object) -> torch.Tensor:
        seen.append(f"{given[4]} {given[5]}")
        return kernel(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(segments, "conv_pool", noted)
    monkeypatch.setattr(BoundTrained, "chosen", lambda *given: None)
    return seen


def net(*middle: Operator) -> Graph:
    return chain(Input((3, 11, 12)), Conv(5, (3, 5), padding=(1, 2)), *middle, Dense(4))


CHAINS = {
    "relu max": (ReLU(), MaxPool(2)),
    "tanh max": (Tanh(), MaxPool(2)),
    "sigmoid max": (MaxPool(2), Sigmoid()),
    "identity max": (MaxPool(2),),
    "relu avg": (ReLU(), AveragePool(2)),
    "tanh avg": (Tanh(), AveragePool(2)),
    "sigmoid avg": (Sigmoid(), AveragePool(2, include_padding=False)),
    "identity avg": (AveragePool(2),),
}


@pytest.mark.parametrize("name", CHAINS)
def test_chains_are_one_call(name: str, calls: list[str]) -> None:
    lower(net(*CHAINS[name]))(torch.randn(2, 3, 11, 12))
    assert calls == [name]


@pytest.mark.parametrize("name", CHAINS)
def test_one_call_computes_the_chain(name: str) -> None:
    """By the kernels where there is a compiler, else by PyTorch."""
    graph = net(*CHAINS[name])
    weights = random_weights(graph, np.random.default_rng(0))
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(9, 3, 11, 12, generator=generator)
    error = torch.randn(9, 4, generator=generator)
    found = []
    for fast, dtype in ((False, torch.float64), (True, torch.float32)):
        module = lower(graph, weights, fast=fast).to(dtype)
        leaf = x.to(dtype).requires_grad_()
        y = module(leaf)
        y.backward(error.to(dtype))
        found.append([y, leaf.grad, *(p.grad for p in module.parameters())])
    for exact, fused in zip(*found, strict=True):
        scale = exact.abs().max().item()
        torch.testing.assert_close(fused.double(), exact, rtol=1e-4, atol=3e-6 * scale)


@pytest.mark.parametrize(
    "middle",
    [
        (ReLU(), MaxPool(3)),
        (ReLU(), MaxPool(2, stride=1)),
        (ReLU(), MaxPool(2, ceil=True)),
        (ReLU(), MaxPool(2, padding=1)),
        (MaxPool(2, stride=(2, 1)),),
        (ReLU(), MaxPool(2, dilation=2)),
        (ReLU(), AveragePool(2, ceil=True)),
        (ReLU(), AveragePool(2, dilation=2)),
        (AveragePool(2, divisor=3),),
        (ReLU(),),
    ],
)
def test_other_chains_are_not(middle: tuple[Operator, ...], calls: list[str]) -> None:
    lower(net(*middle))(torch.randn(2, 3, 11, 12))
    assert calls == []


@pytest.mark.compiler
@pytest.mark.parametrize(
    "pool",
    [MaxPool(2, dilation=2), AveragePool(2, divisor=3), AveragePool(2, dilation=2), L2Pool(2)],
    ids=str,
)
def test_kernels_leave_no_setting_out(pool: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels are required, of the chains that pools of other settings belong to."""
    monkeypatch.setenv("STRIATE_FUSED", "require")
    first = Input((3, 17, 18)), Conv(5, 3), BatchNorm(), pool, ReLU()
    graph = chain(*first, Conv(8, 3), Tanh(), pool, Dense(4), ReLU(), Dense(3))
    weights = random_weights(graph, np.random.default_rng(0))
    x = torch.randn(9, 3, 17, 18, generator=torch.Generator().manual_seed(0))
    plain, fast = lower(graph, weights, fast=False).double(), lower(graph, weights)
    for mode in (True, False):
        exact = plain.train(mode)(x.double())
        torch.testing.assert_close(fast.train(mode)(x).double(), exact, rtol=1e-4, atol=1e-4)
    frozen = freeze(graph, weights_of(plain))(x).double()
    torch.testing.assert_close(frozen, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "conv",
    [
        Conv(6, 3, stride=2),
        Conv(6, 3, dilation=2),
        Conv(6, 3, groups=3),
        Conv(6, 4, padding="same"),
        Conv(6, 1),
        Conv(2, 3, table=((1, 0, 1), (0, 1, 1))),
        Conv(130, 3),
    ],
)
def test_other_convolutions_are_not(conv: Conv, calls: list[str]) -> None:
    graph = chain(Input((3, 11, 12)), conv, ReLU(), MaxPool(2), Dense(4))
    lower(graph)(torch.randn(2, 3, 11, 12))
    assert calls == []


def test_signals_are_not(calls: list[str]) -> None:
    lower(chain(Input((3, 20)), Conv(5, 3), MaxPool(2), Dense(4)))(torch.randn(2, 3, 20))
    assert calls == []


def test_hooks_are_heard(calls: list[str]) -> None:
    module = lower(net(*CHAINS["relu max"]))
    shapes = []
    module.conv1.register_forward_hook(lambda m, given, y: shapes.append(tuple(y.shape)))
    module(torch.randn(2, 3, 11, 12))
    assert calls == []
    assert shapes == [(2, 5, 11, 12)]


def test_a_replaced_layer_is_used(calls: list[str]) -> None:
    module = lower(net(*CHAINS["relu max"]))
    for other in (nn.LeakyReLU(), nn.Tanh()):
        module.relu1 = other
        module(torch.randn(2, 3, 11, 12))
    module.relu1 = nn.ReLU()
    module.pool1 = nn.MaxPool2d(2, padding=1)
    module.fc1 = nn.Linear(210, 4)
    module(torch.randn(2, 3, 11, 12))
    module.pool1, module.fc1 = nn.MaxPool2d(2), nn.Linear(150, 4)
    module.conv1 = nn.Conv2d(3, 5, 3, padding=1, padding_mode="reflect")
    module(torch.randn(2, 3, 11, 12))
    module.conv1 = nn.Conv2d(3, 5, 3, padding="same")
    module(torch.randn(2, 3, 11, 12))
    module.conv1 = nn.Conv2d(3, 5, 3, padding=3, stride=2)
    module.fc1 = nn.Linear(80, 4)
    module(torch.randn(2, 3, 11, 12))
    assert calls == []


def test_plain_lowering_never_fuses(calls: list[str]) -> None:
    lower(net(*CHAINS["relu max"]), fast=False)(torch.randn(2, 3, 11, 12))
    assert calls == []


WIDE = chain(
    Input((33, 9, 10)), Conv(35, 3, padding="same"), ReLU(), Conv(34, 3), Dense(37), Tanh()
)


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which dense layers and Winograd convolutions were asked for."""
    seen: list[str] = []
    dense, conv3x3 = segments.dense, segments.winograd.conv3x3

    def noted_dense(*given: object, measured: bool) -> torch.Tensor:
        seen.append(f"dense {given[3]} {measured}")
        return dense(*given)  # type: ignore[arg-type]

    def noted_conv(*given: object, measured: bool) -> torch.Tensor:
        seen.append(f"conv {'relu' if given[4] else 'none'} {measured}")
        return conv3x3(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(segments, "dense", noted_dense)
    monkeypatch.setattr(segments.winograd, "conv3x3", noted_conv)
    return seen


def test_winograd_can_be_kept_out_of_training(
    noted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, x = lower(WIDE), torch.randn(2, 33, 9, 10)
    module(x).sum().backward()
    every = ["conv relu True", "conv none True", "dense tanh True"]
    assert noted == every
    noted.clear()
    monkeypatch.setenv("STRIATE_WINOGRAD", "inference")
    module(x)
    module.eval()(x)
    assert noted == ["dense tanh True"] * 2
    noted.clear()
    with torch.no_grad():
        y = module(x)
    assert noted == every
    plain = lower(WIDE, fast=False).double()
    plain.load_state_dict(module.state_dict())
    torch.testing.assert_close(y.double(), plain(x.double()), rtol=1e-4, atol=1e-5)


def test_small_and_heard_dense_layers_are_plain(noted: list[str]) -> None:
    lower(net(*CHAINS["relu max"]))(torch.randn(2, 3, 11, 12))
    module = lower(WIDE)
    module.fc1.register_forward_hook(lambda m, given, y: None)
    module(torch.randn(2, 33, 9, 10))
    assert not any(each.startswith("dense") for each in noted)


def test_dense_layers_at_several_places_are_plain(noted: list[str]) -> None:
    layers = Dense(80, axis="last"), Tanh(), Dense(90, axis="channel"), Tanh()
    module = lower(chain(Input((7, 70)), *layers)).eval()
    with torch.no_grad():
        assert module(torch.randn(2, 7, 70)).shape == (2, 90, 80)
    assert not noted


def test_an_exported_program_needs_no_kernels() -> None:
    module = lower(net(*CHAINS["relu max"])).eval()
    exported = torch.export.export(module, (torch.randn(2, 3, 11, 12),))
    targets = {str(node.target) for node in exported.graph.nodes}
    assert any("conv2d" in target for target in targets)
    assert not any("striate" in target for target in targets)


@pytest.mark.compiler
def test_the_compiled_kernel_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "require")
    module = lower(net(*CHAINS["relu max"]))
    monkeypatch.setattr(nn.functional, "max_pool2d", _refuse)
    assert module(torch.randn(2, 3, 11, 12)).shape == (2, 4)


def _refuse(*given: object) -> torch.Tensor:
    raise AssertionError("PyTorch's pooling ran")


@pytest.fixture(autouse=True)
def _no_compiler_no_test(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("compiler"):
        try:
            build.compiler()
        except build.Unavailable as reason:
            pytest.skip(reason.what)
        if not available("max"):
            pytest.skip("fused kernels are off, or were not built")


@pytest.mark.compiler
def test_winograd_trains_as_pytorch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gradient; and under `torch.func` and autocast PyTorch runs."""
    monkeypatch.setenv("STRIATE_FUSED", "require")
    module, x = lower(WIDE), torch.randn(3, 33, 9, 10, requires_grad=True)
    plain = lower(WIDE, fast=False).double()
    plain.load_state_dict(module.state_dict())
    wide = x.detach().double().requires_grad_()
    cotangent = torch.randn(3, 37)
    module(x).backward(cotangent)
    plain(wide).backward(cotangent.double())
    torch.testing.assert_close(x.grad.double(), wide.grad, rtol=1e-3, atol=1e-5)
    for name, weight in module.named_parameters():
        exact = plain.get_parameter(name).grad
        torch.testing.assert_close(weight.grad.double(), exact, rtol=1e-3, atol=1e-4)
    found = torch.func.vjp(module, x.detach())[1](cotangent)[0]
    torch.testing.assert_close(found, x.grad, rtol=1e-3, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert module(x).dtype == torch.bfloat16


@pytest.mark.compiler
def test_a_distributed_module_has_the_same_gradients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "require")
    module, x = lower(WIDE), torch.randn(3, 33, 9, 10)
    alone = copy.deepcopy(module)
    place = (tmp_path / "meeting").as_uri()
    torch.distributed.init_process_group("gloo", init_method=place, rank=0, world_size=1)
    try:
        torch.nn.parallel.DistributedDataParallel(module)(x).square().sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    alone(x).square().sum().backward()
    for name, weight in module.named_parameters():
        assert torch.equal(weight.grad, alone.get_parameter(name).grad)
