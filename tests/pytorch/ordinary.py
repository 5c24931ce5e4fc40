"""What the tests of ordinary modules share: networks, hand-written layers, how they compare."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from agreement import random_weights
from striate.engine import Frozen, freeze, lower
from striate.fused import build
from striate.graph import Graph
from striate.notation import parse
from striate.pytorch import Network

LENET = parse(
    "INPUT 2x17x15 -> CONV 5 3x5 pad=1x2 -> RELU -> MAXPOOL 2 -> CONV 7 3x3 -> TANH -> AVGPOOL 2 "
    "-> FC 190 -> RELU -> FC 4"
)
DEEP = parse(
    "INPUT 3x10x9 -> CONV 33 3x3 same -> RELU -> CONV 34 3x3 same -> BN -> RELU -> "
    "CONV 34 3x3 same -> BN -> RELU -> MAXPOOL 2 -> CONV 5 1x1 stride=2 -> RELU -> FC 4"
)
NETS = {"lenet": LENET, "deep": DEEP}
every_net = pytest.mark.parametrize("graph", NETS.values(), ids=NETS)
every_net_and_kind = pytest.mark.parametrize(
    ("graph", "frozen"), [(g, f) for g in NETS.values() for f in (False, True)]
)


@pytest.fixture(autouse=True, params=["off", "require"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without kernels, and with all of them where there is a compiler."""
    if request.param == "require":
        try:
            build.compiler()
        except build.Unavailable as reason:
            pytest.skip(reason.what)
    monkeypatch.setenv("STRIATE_FUSED", request.param)


class Tagged(Tensor):
    """A tensor subclass that changes no number."""


def pictures(graph: Graph, count: int = 5) -> Tensor:
    shape = graph.specs[graph.inputs[0].name].shape
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


def labels(count: int = 5) -> Tensor:
    return torch.arange(count) * 3 % 4


def by_hand(network: Network) -> nn.Sequential:
    """Layers with the network's weights, as a tutorial writes them."""
    twin = copy.deepcopy(network)
    layers = nn.Sequential()
    for name, module in twin.named_children():
        layers.add_module(name, type(module).__new__(type(module)))
        vars(layers[-1]).update(vars(module))
    return layers.train(network.training)


def pair(graph: Graph, *, frozen: bool = False) -> tuple[Network, nn.Sequential]:
    """A network that has run once, and hand-written layers."""
    weights = random_weights(graph, np.random.default_rng(0))
    network = freeze(graph, weights) if frozen else lower(graph, weights)
    layers = by_hand(network)
    if not frozen:
        network.eval()(pictures(graph)).sum().backward()
        network.zero_grad()
        network.train()
    network(pictures(graph)) if frozen else None
    return network, layers


def learn(module: nn.Module, x: Tensor) -> list[Tensor | None]:
    """The scores, and the gradients of picture and weights."""
    module.zero_grad()
    leaf = x.detach().clone().requires_grad_()
    y = module(leaf)
    nn.functional.cross_entropy(y, labels(len(x))).backward()
    return [y.detach(), leaf.grad, *(p.grad for p in module.parameters())]


def assert_same(found: list[Tensor | None], wanted: list[Tensor | None]) -> None:
    """Equal to rounding, of the largest too: what normalization cancels is nothing else."""
    assert len(found) == len(wanted)
    largest = max(float(t.detach().abs().max()) for t in wanted if t is not None)
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            atol = 1e-4 * float(theirs.detach().abs().max()) + 1e-6 * largest
            torch.testing.assert_close(ours.float(), theirs.float(), rtol=1e-3, atol=atol)


def assert_alike(network: Network, layers: nn.Module, x: Tensor) -> None:
    if isinstance(network, Frozen):
        with torch.no_grad():
            assert_same([network(x)], [layers(x)])
    else:
        assert_same(learn(network, x), learn(layers, x))
