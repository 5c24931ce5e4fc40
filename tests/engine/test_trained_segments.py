"""Networks that learn in one compiled call: what a LeNet's gradients are, whoever asks."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agreement import random_weights
from nets import chain
from striate.engine import LossGradients, lower
from striate.errors import SettingError
from striate.fused import build, trained
from striate.graph import Graph
from striate.ops import (
    AveragePool,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    Hinge,
    Input,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from striate.pytorch import Network, loss_function

pytestmark = pytest.mark.compiler


@pytest.fixture(autouse=True)
def _required(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STRIATE_FUSED", "require")
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which compiled chains were called."""
    seen: list[str] = []
    for name in ("forward", "backward", "step"):
        method = getattr(trained.TrainedLayers, name)

        def noted(*given: object, name: str = name, method: object = method) -> object:
            seen.append(name)
            return method(*given)  # type: ignore[operator]

        monkeypatch.setattr(trained.TrainedLayers, name, noted)
    return seen


def lenet(*end: object) -> Graph:
    return chain(
        Input((2, 17, 15)),
        *(Conv(5, (3, 5), padding=(1, 2)), Sigmoid(), AveragePool(2)),
        *(Conv(7, 3), Tanh(), MaxPool(2)),
        *(Dense(19), ReLU(), Dense(4)),
        *end,  # type: ignore[arg-type]
    )


def batch(graph: Graph, size: int = 9) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(size, *graph.specs[graph.inputs[0].name].shape, generator=generator)
    return x, torch.arange(size) * 3 % 4


def made(graph: Graph, seed: int = 0, **how: bool) -> Network:
    return lower(graph, random_weights(graph, np.random.default_rng(seed)), **how)


def gradients(module: nn.Module) -> list[Tensor]:
    return [p.grad.double() for p in module.parameters() if p.grad is not None]


def assert_close(found: list[Tensor], exact: list[Tensor]) -> None:
    for ours, theirs in zip(found, exact, strict=True):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours.double(), theirs.double(), rtol=1e-4, atol=1e-5 * scale)


def test_a_lenet_is_one_call_each_way(calls: list[str]) -> None:
    graph = lenet()
    x, target = batch(graph)
    found = []
    for how, dtype in (({}, torch.float32), ({"fast": False}, torch.float64)):
        module = made(graph, **how).to(dtype)
        leaf = x.to(dtype, copy=True).requires_grad_()
        y = module(leaf)
        loss_function(graph)(y, target).backward()
        assert leaf.grad is not None
        found.append([y.detach(), leaf.grad, *gradients(module)])
    assert_close(*found)
    assert calls == ["forward", "backward"]


def test_a_step_of_a_lenet_is_one_call(calls: list[str]) -> None:
    graph = lenet(CrossEntropy())
    x, target = batch(graph)
    ours, exact = made(graph), made(graph, fast=False).double()
    step, plainly = LossGradients(graph, ours), LossGradients(graph, exact)
    for _ in range(2):  # what a step leaves behind is no part of the next
        for found, wanted in zip(step(x, target), plainly(x.double(), target), strict=True):
            assert not found.requires_grad
            assert_close([found], [wanted])
        assert_close(gradients(ours), gradients(exact))
    assert calls == ["step", "step"]


def test_gradients_add_up_as_anywhere(calls: list[str]) -> None:
    graph = lenet()
    x, target = batch(graph)
    module = made(graph)
    loss = loss_function(graph)
    (loss(module(x), target) + loss(module(2 * x), target)).backward()
    loss(module(x), target).backward()
    exact = made(graph, fast=False).double()
    total = 2 * loss(exact(x.double()), target) + loss(exact(2 * x.double()), target)
    total.backward()
    assert_close(gradients(module), gradients(exact))
    assert calls.count("forward") == 3


def test_without_gradients_it_is_layer_by_layer(calls: list[str]) -> None:
    module = made(lenet())
    x, _ = batch(lenet())
    with torch.no_grad():
        y = module(x)
    assert calls == []
    assert_close([module(x).detach()], [y])


def zero_gradient(weight: Tensor) -> None:
    weight.grad.zero_()  # type: ignore[union-attr]


CHANGES = {
    "a hook": lambda m: m.fc1.register_forward_hook(lambda m, given, y: None),
    "a hook on a weight": lambda m: m.fc1.weight.register_hook(lambda g: g * 0),
    "a hook on a finished gradient": lambda m: m.conv2.bias.register_post_accumulate_grad_hook(
        zero_gradient
    ),
    "another forward": lambda m: setattr(m.relu1, "forward", lambda x: x * 2),
    "another activation": lambda m: setattr(m, "sigmoid1", nn.Tanh()),
    "another pool": lambda m: setattr(m, "pool1", nn.MaxPool2d(2)),
    "another kind of layer": lambda m: setattr(m, "relu1", nn.LeakyReLU()),
    "a weight that does not learn": lambda m: m.conv1.weight.requires_grad_(False),
    "a weight laid out otherwise": lambda m: setattr(
        m.fc1, "weight", nn.Parameter(m.fc1.weight.detach().T.contiguous().T)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_computed_as_it_is(change: str, calls: list[str]) -> None:
    graph = lenet()
    x, target = batch(graph)
    module = made(graph)
    exact = made(graph, fast=False)
    for each in (module, exact):
        torch.manual_seed(0)
        CHANGES[change](each)
    exact.double()
    LossGradients(graph, module)(x, target)
    assert calls == []
    LossGradients(graph, exact)(x.double(), target)
    assert_close(gradients(module), gradients(exact))


def test_a_layer_of_another_size_is_told_from_the_first(calls: list[str]) -> None:
    """Other layers run one by one, with PyTorch's complaint where the sizes do not fit."""
    graph = lenet()
    x, target = batch(graph)
    module = made(graph)
    step = LossGradients(graph, module)
    step(x, target)
    module.fc1, module.fc2 = nn.Linear(module.fc1.in_features, 23), nn.Linear(23, 6)
    exact = copy.deepcopy(module).double()
    step(x, target)
    assert calls == ["step"]
    LossGradients(graph, exact)(x.double(), target)
    assert_close(gradients(module), gradients(exact))
    module.fc2 = nn.Linear(31, 4)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        step(x, target)


def test_who_listens_to_the_network_hears_every_step(calls: list[str]) -> None:
    graph = lenet()
    module = made(graph)
    heard = []
    module.register_forward_hook(lambda m, given, y: heard.append(tuple(y.shape)))
    LossGradients(graph, module)(*batch(graph))
    assert heard == [(9, 4)]
    assert calls == []


@pytest.mark.parametrize(
    "graph",
    [
        lenet(Hinge()),
        lenet(Softmax()),
        chain(Input((2, 17, 15)), Conv(5, 3), ReLU(), MaxPool(2), Dense(9), Dropout(0.5), Dense(4)),
    ],
    ids=["another loss", "probabilities", "chance"],
)
def test_other_networks_step_by_autograd(graph: Graph, calls: list[str]) -> None:
    x, target = batch(graph)
    module = made(graph)
    torch.manual_seed(5)
    scores, loss = LossGradients(graph, module)(x, target)
    found = gradients(module)
    module.zero_grad()
    torch.manual_seed(5)
    outputs = module(x)
    expected = loss_function(graph)(outputs, target)
    expected.backward()
    assert_close([scores, loss], [outputs.detach(), expected.detach()])
    assert_close(found, gradients(module))
    assert "step" not in calls


def test_wanted_values_instead_of_classes_and_labels_that_are_none(calls: list[str]) -> None:
    graph = lenet()
    x, target = batch(graph)
    module = made(graph)
    step = LossGradients(graph, module)
    wanted = nn.functional.one_hot(target, 4).float()
    soft = step(x, wanted)[1]
    assert calls == ["forward", "backward"]
    torch.testing.assert_close(step(x, target)[1], soft)
    with pytest.raises(SettingError, match="names no class"):
        step(x, target + 4)


def test_batches_of_several_sizes_and_threads(calls: list[str]) -> None:
    graph = lenet()
    ours, exact = made(graph), made(graph, fast=False).double()
    step, plainly = LossGradients(graph, ours), LossGradients(graph, exact)
    for size, threads in ((9, 1), (4, 1), (9, 2), (1, 3)):
        torch.set_num_threads(threads)
        x, target = batch(graph, size)
        step(x.contiguous(memory_format=torch.channels_last), target)
        plainly(x.double(), target)
        assert_close(gradients(ours), gradients(exact))
    assert calls == ["step"] * 4


def test_copies_learn_for_themselves(calls: list[str]) -> None:
    graph = lenet()
    x, target = batch(graph)
    module = made(graph)
    module(x)
    other = copy.deepcopy(module)
    with torch.no_grad():
        other.conv1.weight.mul_(2)
    for each in (module, other):
        exact = made(graph, fast=False).double()
        exact.load_state_dict(each.state_dict())
        LossGradients(graph, each)(x, target)
        LossGradients(graph, exact)(x.double(), target)
        assert_close(gradients(each), gradients(exact))
    assert calls == ["forward", "step", "step"]


def test_switched_off_or_without_a_compiler(
    monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    graph = lenet()
    x, target = batch(graph)
    monkeypatch.setenv("STRIATE_FUSED", "off")
    LossGradients(graph, made(graph))(x, target)
    monkeypatch.setenv("STRIATE_FUSED", "on")

    def unavailable() -> None:
        raise build.Unavailable("there is no C++ compiler")

    monkeypatch.setattr(trained, "library", unavailable)
    monkeypatch.setattr(build, "fall_back", lambda reason: None)
    LossGradients(graph, made(graph))(x, target)
    assert calls == []


def test_compilers_see_the_layers() -> None:
    graph = lenet()
    x, target = batch(graph)
    module = made(graph)
    eager = module(x)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    y = compiled(x)
    torch.testing.assert_close(y, eager, rtol=1e-5, atol=1e-5)
    loss_function(graph)(y, target).backward()
    found = gradients(module)
    LossGradients(graph, module)(x, target)
    assert_close(found, gradients(module))
    program = torch.export.export(module.eval(), (x,))
    torch.testing.assert_close(program.module()(x), eager, rtol=1e-4, atol=1e-5)
    assert "striate" not in str(program.graph)


def test_winograd_can_be_kept_out_of_training(
    monkeypatch: pytest.MonkeyPatch, calls: list[str]
) -> None:
    """Its tiles too: then every number is nearer to that of PyTorch's float64."""
    graph = chain(
        Input((6, 17, 15)),
        *(Conv(16, 5, padding=2), Sigmoid(), AveragePool(2)),
        *(Conv(17, 3), Tanh(), MaxPool(2), Dense(4)),
    )
    x, target = batch(graph, 33)
    exact = made(graph, fast=False).double()
    LossGradients(graph, exact)(x.double(), target)
    module, errors = made(graph), []
    step = LossGradients(graph, module)
    for setting in ("", "inference", ""):
        monkeypatch.setenv("STRIATE_WINOGRAD", setting)
        step(x, target)
        worst = [
            (a - b).abs().max().item() / b.abs().max().item()
            for a, b in zip(gradients(module), gradients(exact), strict=True)
        ]
        errors.append(sum(worst))
    assert errors[0] == errors[2] > errors[1]
    assert calls == ["step"] * 3


def test_gradients_of_weights_that_layers_share_are_summed(calls: list[str]) -> None:
    dense = chain(
        *(Input((2, 17, 15)), Conv(5, 3), ReLU(), MaxPool(2)),
        *(Dense(19), ReLU(), Dense(19), ReLU(), Dense(19), ReLU(), Dense(4)),
    )
    shared = Graph(tuple(replace(n, shares="fc2" * (n.name == "fc3")) for n in dense))
    x, target = batch(shared)
    ours, exact = made(shared), made(shared, fast=False).double()
    LossGradients(shared, ours)(x, target)
    LossGradients(shared, exact)(x.double(), target)
    assert_close(gradients(ours), gradients(exact))
    assert calls == ["forward", "backward"]
