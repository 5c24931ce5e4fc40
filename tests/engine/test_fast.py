from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from agreement import random_weights
from nets import branching, chain, lenet, with_side_exit
from striate.engine import lower
from striate.engine.fast import rectify, reordered, sliced, units
from striate.graph import Auxiliary, Graph, Node, Operator
from striate.ops import (
    Conv,
    Dense,
    Dropout,
    Input,
    MaxPool,
    NoisyReLU,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from striate.pytorch import loss_function
from striate.pytorch.network import recipes


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph]


def test_activations_move_behind_max_pooling() -> None:
    found = names(reordered(lenet()))
    assert found.index("pool1") < found.index("relu1")
    assert found.index("pool2") < found.index("tanh1") < found.index("flatten1")
    assert sorted(found) == sorted(names(lenet()))


def test_two_activations_both_move() -> None:
    graph = chain(Input((1, 4, 4)), Sigmoid(), MaxPool(2), ReLU(), MaxPool(2), Conv(1, 1))
    assert names(reordered(graph))[1:-1] == ["pool1", "sigmoid1", "pool2", "relu1"]


@pytest.mark.parametrize("exit_", ["relu", "pool"])
def test_what_leaves_the_network_stays_where_it_is(exit_: str) -> None:
    nodes = (
        Node("input", Input((2, 4, 4))),
        Node("relu", ReLU(), ("input",)),
        Node("pool", MaxPool(2), ("relu",)),
        Node("conv", Conv(2, 1), ("pool",)),
    )
    graph = Graph(nodes, (Auxiliary(exit_),))
    assert reordered(graph) == graph


def test_an_activation_with_two_readers_stays() -> None:
    graph = with_side_exit()
    assert reordered(graph) == graph


def test_softmax_is_not_monotone() -> None:
    graph = chain(Input((2, 4, 4)), Softmax(), MaxPool(2), Conv(1, 1))
    assert reordered(graph) == graph


def both(graph: Graph, seed: int = 0, count: int = 5) -> list[list[np.ndarray]]:
    """Scores, input gradient and weight gradients, plain in float64 and fast in float32."""
    rng = np.random.default_rng(seed)
    weights = random_weights(graph, rng)
    x = rng.standard_normal((count, *graph.specs[graph.inputs[0].name].shape))
    found = []
    for fast, dtype in ((False, torch.float64), (True, torch.float32)):
        module = lower(graph, weights, fast=fast).to(dtype).eval()
        leaf = torch.tensor(x, dtype=dtype, requires_grad=True)
        y = module(leaf)
        y.backward(torch.from_numpy(np.random.default_rng(9).standard_normal(y.shape)).to(dtype))
        gradients = [p.grad for p in module.parameters() if p.grad is not None]
        found.append([t.detach().numpy() for t in (y, leaf.grad, *gradients)])
    return found


@pytest.mark.parametrize("net", [lenet, branching, with_side_exit])
def test_fast_is_plain_within_rounding(net: Callable[[], Graph]) -> None:
    for plain, fast in zip(*both(net()), strict=True):
        np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-5 * np.abs(plain).max())


@pytest.mark.parametrize("kernel", [2, 3])
def test_moving_relu_changes_no_bit_even_with_ties(kernel: int) -> None:
    """Whole numbers tie often; many windows have nothing above zero."""
    graph = chain(Input((3, 9, 8)), ReLU(), MaxPool(kernel, stride=2), Conv(2, 1, bias=False))
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-3, 3, (5, 3, 9, 8), generator=generator).float()
    torch.manual_seed(0)
    plain = lower(graph, fast=False)
    fast = lower(graph)
    fast.load_state_dict(plain.state_dict())
    gradients = []
    for module in (plain, fast):
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        y.backward(torch.randn(y.shape, generator=generator.manual_seed(1)))
        gradients.append(leaf.grad)
    assert torch.equal(plain(x), fast(x))
    assert torch.equal(*gradients)


@pytest.mark.parametrize("operator", [Sigmoid(), Tanh()], ids=str)
def test_moving_a_saturating_activation_keeps_the_values(operator: Operator) -> None:
    graph = chain(Input((1, 4, 4)), operator, MaxPool(2), Conv(1, 1))
    x = 30 * torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    plain, fast = lower(graph, fast=False), lower(graph)
    fast.load_state_dict(plain.state_dict())
    torch.testing.assert_close(plain(x), fast(x))


def calls(graph: Graph) -> dict[str, object]:
    """The call that computes each node, by name, where no kernel does."""
    made = recipes(graph)
    nodes = [node for node in graph if node.name in made]
    return {unit.nodes[0].name: unit.call for unit in units(graph, nodes, made)}


def test_relu_works_in_place_only_on_memory_of_its_own() -> None:
    graph = chain(Input((1, 8, 8)), ReLU(), Conv(2, 3), ReLU(), Sigmoid(), ReLU(), Dense(3))
    assert [name for name, call in calls(graph).items() if call is rectify] == ["relu2"]
    module, x = lower(graph), torch.randn(2, 1, 8, 8)
    assert not any(m.inplace for m in module.modules() if isinstance(m, nn.ReLU))
    before = x.clone()
    module(x).sum().backward()
    assert torch.equal(x, before)


def test_relu_leaves_what_others_read_alone() -> None:
    graph = with_side_exit()
    nodes = tuple(n if n.name != "pool" else Node("pool", MaxPool(2), ("conv",)) for n in graph)
    assert calls(Graph(nodes, graph.auxiliary))["relu"] is not rectify


def test_a_seed_draws_the_same_with_and_without_speed() -> None:
    graph = chain(Input((2, 8, 8)), Conv(3, 3), Dropout(0.5), NoisyReLU(0.5), Conv(2, 3), Dense(3))
    x, found = torch.randn(2, 2, 8, 8), []
    for fast in (True, False):
        module = lower(graph, fast=fast)
        torch.manual_seed(3)
        found.append(module(x))
    torch.testing.assert_close(*found)


def test_weights_stay_row_major() -> None:
    """Whatever the layout of the values: fused optimizers and files count on it."""
    graph = branching()
    module = lower(graph)
    loss = loss_function(graph)(module(torch.randn(4, 3, 12, 12)), torch.tensor([0, 1, 2, 3]))
    loss.backward()
    for parameter in module.parameters():
        assert parameter.is_contiguous()
        assert parameter.grad is not None
        assert parameter.grad.is_contiguous()


def test_few_channel_strided_1x1_convolutions_are_sliced() -> None:
    assert [name for name, call in calls(branching()).items() if call is sliced] == ["layer.0.down"]


# On a processor with AVX2 alone, oneDNN's own kernel returns weight gradients that are wrong by
# their own size for these (and never ends for 2 or 3 channels); newer ones are told to act alike.
TRAP = """
import torch
from striate.graph import Graph, Node
from striate.ops import Conv, Input
from striate.engine import lower
torch.manual_seed(0)
for channels, stride, size in ((5, 2, 32), (3, 2, 32), (7, 4, 32), (4, 3, 33)):
    nodes = (Node("x", Input((channels, size, size))), Node("c", Conv(8, 1, stride=stride), ("x",)))
    x = torch.randn(32, channels, size, size)
    plain, fast = lower(Graph(nodes), fast=False).double(), lower(Graph(nodes))
    plain.load_state_dict(fast.state_dict())
    e = torch.randn(fast(x).shape)
    fast(x).backward(e)
    plain(x.double()).backward(e.double())
    found, wanted = fast.c.weight.grad.double(), plain.c.weight.grad
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)
"""


def test_the_wrong_gradient_of_strided_1x1_convolutions_is_avoided() -> None:
    environment = os.environ | {
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    subprocess.run([sys.executable, "-c", TRAP], env=environment, check=True, timeout=60)
