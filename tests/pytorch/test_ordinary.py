"""A lowered and a frozen network under what users do to modules, beside hand-written layers."""

from __future__ import annotations

import copy
import io
import pickle
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ordinary import (
    DEEP,
    LENET,
    Tagged,
    assert_alike,
    assert_same,
    every_net,
    every_net_and_kind,
    kernels,  # noqa: F401 (a fixture)
    labels,
    pair,
    pictures,
)
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from agreement import random_weights
from striate.engine import LossGradients
from striate.graph import Graph
from striate.reference import run

# ---- who listens


@every_net_and_kind
def test_every_module_gets_and_gives_what_its_node_does(graph: Graph, frozen: bool) -> None:
    """With a hook on each, the maps are kept as they are: nothing is computed in their place."""
    network, layers = pair(graph, frozen=frozen)
    seen: dict[bool, dict[str, list[Tensor]]] = {True: {}, False: {}}
    for ours, module in ((True, network), (False, layers)):
        for name, child in module.named_children():
            child.register_forward_hook(
                lambda _, given, y, name=name, ours=ours: seen[ours].update({name: [*given, y]})
            )
    assert_alike(network, layers, pictures(graph))
    assert list(seen[True]) == list(seen[False]) == [n for n, _ in layers.named_children()]
    for name, tensors in seen[True].items():
        assert_same(list(tensors), list(seen[False][name]))
        if not frozen:
            assert tensors[-1].shape[1:] == graph.specs[name].shape


def test_what_hooks_hear_is_what_the_reference_says() -> None:
    network, _ = pair(LENET)
    weights = random_weights(LENET, np.random.default_rng(0))
    x, seen = pictures(LENET), {}
    for name, child in network.named_children():
        child.register_forward_hook(lambda _, given, y, name=name: seen.update({name: y}))
    network(x)
    exact = run(LENET, weights, x.double().numpy()).values
    for name, value in seen.items():
        torch.testing.assert_close(
            value.double(), torch.from_numpy(exact[name]), rtol=1e-4, atol=1e-4
        )


def double(module: nn.Module, given: Any, y: Any = None) -> Any:
    return 2 * (given[0] if y is None else y)


def one_hook(name: str) -> Callable[[nn.Module], object]:
    def put(net: nn.Module) -> object:
        return getattr(net.get_submodule("relu1"), f"register_{name}")(HOOKS[name])

    return put


HOOKS: dict[str, Callable[..., Any]] = {
    "forward_hook": double,
    "forward_pre_hook": lambda module, given: (2 * given[0],),
    "full_backward_hook": lambda module, into, out: (2 * into[0],),
    "full_backward_pre_hook": lambda module, out: (2 * out[0],),
}


def with_keywords(net: nn.Module) -> object:
    relu = net.get_submodule("relu1")
    return relu.register_forward_hook(
        lambda module, given, named, y: 3 * y, with_kwargs=True, always_call=True
    )


def zeroed(weight: Tensor) -> None:
    assert weight.grad is not None
    weight.grad.zero_()


def without_weight_norm_hooks(net: nn.Module) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        nn.utils.weight_norm(net.get_submodule("fc1"))


def doubled(conv: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return nn.functional.conv2d(x, 2 * weight, bias, padding=conv.padding)


class Doubled(nn.ReLU):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def as_subclass(net: nn.Module) -> None:
    for child in net.children():
        for name, weight in list(child._parameters.items()):
            if weight is not None:
                child._parameters[name] = nn.Parameter(
                    weight.detach().as_subclass(Tagged), weight.requires_grad
                )


def shrunk(net: nn.Module) -> None:
    fc1, fc2 = net.get_submodule("fc1"), net.get_submodule("fc2")
    fc1.weight.data, fc1.bias.data = fc1.weight.data[:60], fc1.bias.data[:60]
    fc2.weight.data = fc2.weight.data[:, :60]


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    **{name: one_hook(name) for name in HOOKS},
    "a hook with keywords": with_keywords,
    "a hook on a weight": lambda net: net.get_parameter("conv1.weight").register_hook(
        lambda g: 0 * g
    ),
    "a hook on several weights": lambda net: torch.autograd.graph.register_multi_grad_hook(
        list(net.parameters()), lambda gradients: None
    ),
    "a hook on a finished gradient": lambda net: net.get_parameter(
        "conv1.bias"
    ).register_post_accumulate_grad_hook(zeroed),
    "a replaced forward": lambda net: setattr(
        net.get_submodule("relu1"), "forward", lambda x: x * 0
    ),
    "a replaced method": lambda net: setattr(
        net.get_submodule("conv1"), "_conv_forward", partial(doubled, net.get_submodule("conv1"))
    ),
    "a replaced module": lambda net: setattr(net, "relu1", nn.LeakyReLU(0.3)),
    "a subclass": lambda net: setattr(net, "relu1", Doubled()),
    "another class": lambda net: setattr(net.get_submodule("relu1"), "__class__", Doubled),
    "another setting": lambda net: (
        setattr(net.get_submodule("conv1"), "padding_mode", "circular")
        or setattr(net.get_submodule("conv1"), "_reversed_padding_repeated_twice", [2, 2, 1, 1])
    ),
    "weight_norm": lambda net: parametrizations.weight_norm(net.get_submodule("fc1")),
    "the older weight_norm": without_weight_norm_hooks,
    "spectral_norm": lambda net: (
        torch.manual_seed(0),
        parametrizations.spectral_norm(net.get_submodule("conv1")),
    ),
    "pruning": lambda net: prune.l1_unstructured(net.get_submodule("fc1"), "weight", 0.5),
    "no bias": lambda net: setattr(net.get_submodule("conv1"), "bias", None),
    "another weight": lambda net: setattr(
        net.get_submodule("fc1"), "weight", nn.Parameter(net.get_parameter("fc1.weight") * 2)
    ),
    "weight.data": lambda net: setattr(
        net.get_parameter("fc1.weight"), "data", net.get_parameter("fc1.weight").detach() * 2
    ),
    "a weight that does not learn": lambda net: net.get_parameter("conv1.weight").requires_grad_(
        False
    ),
    "subclass weights": as_subclass,
}
OF_TRAINING = {
    "full_backward_hook",
    "full_backward_pre_hook",
    "a hook on a weight",
    "a hook on several weights",
    "a hook on a finished gradient",
}


@pytest.mark.parametrize("name", CHANGES)
@every_net_and_kind
def test_a_change_is_a_change(name: str, graph: Graph, frozen: bool) -> None:
    if frozen and name in OF_TRAINING:
        pytest.skip("there are no gradients")
    if graph is DEEP and name == "another setting":
        pytest.skip("its convolutions are padded otherwise")
    network, layers = pair(graph, frozen=frozen)
    for module in (network, layers):
        torch.manual_seed(0)
        CHANGES[name](module)
    assert_alike(network, layers, pictures(graph))
    assert_alike(network, layers, pictures(graph, 3))
    if not frozen:
        layers.zero_grad(), network.zero_grad()
        LossGradients(graph, network)(pictures(graph), labels())
        LossGradients(graph, layers)(pictures(graph), labels())
        gradients = ([p.grad for p in m.parameters()] for m in (network, layers))
        assert_same(*gradients)


def test_weights_cut_in_place_of_memory() -> None:
    network, layers = pair(LENET)
    for module in (network, layers):
        shrunk(module)
    assert_alike(network, layers, pictures(LENET))


@every_net_and_kind
def test_global_hooks_are_heard(graph: Graph, frozen: bool) -> None:
    network, layers = pair(graph, frozen=frozen)
    seen: list[str] = []
    handle = nn.modules.module.register_module_forward_hook(
        lambda module, given, y: seen.append(type(module).__name__)
    )
    try:
        network(pictures(graph))
        ours = seen[:]
        seen.clear()
        layers(pictures(graph))
    finally:
        handle.remove()
    assert ours[:-1] == seen[:-1]


def test_a_patched_class_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    network, layers = pair(LENET)
    monkeypatch.setattr(nn.ReLU, "forward", lambda self, x: 2 * torch.relu(x))
    assert_alike(network, layers, pictures(LENET))


@every_net
def test_hooks_that_come_and_go(graph: Graph) -> None:
    network, layers = pair(graph)
    handle = network.get_submodule("relu1").register_forward_hook(double)
    network(pictures(graph))
    handle.remove()
    network.load_state_dict(layers.state_dict())
    assert_alike(network, layers, pictures(graph))
    hooks = network.get_submodule("relu1")._forward_hooks
    network.get_submodule("relu1")._forward_hooks = type(hooks)()
    network(pictures(graph))
    network.get_submodule("relu1").register_forward_hook(double)
    layers.get_submodule("relu1").register_forward_hook(double)
    network.load_state_dict(layers.state_dict())
    assert_alike(network, layers, pictures(graph))


def test_hooks_on_what_goes_in_and_comes_out() -> None:
    found = []
    for module in pair(LENET):
        x = pictures(LENET).requires_grad_()
        given = x * 1
        given.register_hook(lambda g: 3 * g)
        y = module(given)
        y.register_hook(lambda g: 2 * g)
        y.retain_grad()
        y.square().sum().backward()
        found.append([x.grad, y.grad, *(p.grad for p in module.parameters())])
    assert_same(*found)


def test_a_hook_that_comes_again_to_a_weight() -> None:
    network, layers = pair(LENET)
    for module in (network, layers):
        weight = module.get_parameter("fc1.weight")
        weight.register_hook(lambda g: g * 0).remove()
        LossGradients(LENET, module)(pictures(LENET), labels())
        weight.register_hook(lambda g: g * 3)
        LossGradients(LENET, module)(pictures(LENET), labels())
    assert_same(*([p.grad for p in module.parameters()] for module in (network, layers)))


# ---- copies and files


@every_net_and_kind
def test_copies_and_pickles_after_a_call(graph: Graph, frozen: bool, tmp_path: Path) -> None:
    network, _ = pair(graph, frozen=frozen)
    network.eval()
    x = pictures(graph)
    before = network(x)
    torch.save(network, tmp_path / "network.pt")
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    network.load_state_dict(torch.load(file, weights_only=True))
    for twin in (
        copy.deepcopy(network),
        pickle.loads(pickle.dumps(network)),  # noqa: S301
        torch.load(tmp_path / "network.pt", weights_only=False),
    ):
        assert torch.equal(twin(x), before)
        assert str(twin) == str(network)
        with torch.no_grad():
            for weight in twin.parameters():
                weight.zero_()
        assert not twin(x).any()
        assert torch.equal(network(x), before)


@every_net
def test_a_frozen_network_sees_new_weights(graph: Graph) -> None:
    network, layers = pair(graph, frozen=True)
    x = pictures(graph)
    for module in (network, layers):
        with torch.no_grad():
            module.get_parameter("fc1.weight").mul_(2)
            module.get_submodule("conv1").bias = nn.Parameter(torch.ones(1), False)
            module.get_submodule("conv1").bias.data = torch.ones(
                len(module.get_parameter("conv1.weight"))
            )
    assert_alike(network, layers, x)
    for module in (network, layers):
        module.conv1 = copy.deepcopy(module.conv1)
        nn.init.constant_(module.conv1.weight, 0.01)
    assert_alike(network, layers, x)
