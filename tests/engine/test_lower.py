from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from agreement import random_weights
from nets import branching, chain, lenet, with_side_exit
from striate.engine import lower
from striate.errors import GraphError
from striate.graph import Call, Graph, Node
from striate.notation import parse
from striate.ops import Add, BatchNorm, Conv, Dense, Dropout, Input, ReLU
from striate.pytorch import load_weights

NETS: dict[str, Callable[[], Graph]] = {
    "lenet": lenet,
    "branching": branching,
    "side exit": with_side_exit,
}
every_net = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
both_ways = pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])


def reference(graph: Graph, weights: dict[str, dict[str, np.ndarray]], x: np.ndarray) -> np.ndarray:
    """The scores, by the operators' own formulas."""
    values = {}
    for node in graph:
        inputs = tuple(values[name] for name in node.inputs) or (x,)
        values[node.name] = node.operator.forward(Call(inputs, weights.get(node.name, {})))
    return values[graph.scores.name]


def pictures(graph: Graph, count: int = 3, seed: int = 1) -> np.ndarray:
    shape = graph.specs[graph.inputs[0].name].shape
    return np.random.default_rng(seed).standard_normal((count, *shape))


@every_net
@both_ways
def test_scores_are_those_of_the_formulas(net: Callable[[], Graph], fast: bool) -> None:
    graph = net()
    weights = random_weights(graph, np.random.default_rng(0))
    x = pictures(graph)
    module = lower(graph, fast=fast).double().eval()
    load_weights(module, weights)
    y = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(y, reference(graph, weights, x), rtol=1e-9, atol=1e-9)


def test_names_are_those_of_the_nodes() -> None:
    module = lower(branching())
    keys = set(module.state_dict())
    assert {"stem.conv.weight", "layer.0.bn.running_var", "layer.0.down.bias", "fc.weight"} <= keys
    assert type(module.get_submodule("layer.0.bn")) is nn.BatchNorm2d
    assert "(0): ModuleFolder(" in str(module)


def test_names_that_modules_use_themselves_are_free() -> None:
    nodes = (
        Node("half", Input((3,))),
        Node("train", Dense(4), ("half",)),
        Node("train.type", ReLU(), ("train",)),
        Node("eval", Dense(2), ("train.type",)),
    )
    module = lower(Graph(nodes))
    assert module(torch.zeros(5, 3)).shape == (5, 2)
    assert "train.weight" in module.state_dict()


@pytest.mark.parametrize("order", [1, -1])
def test_a_node_cannot_be_called_like_a_weight(order: int) -> None:
    names = ("fc", "fc.weight")[::order]
    nodes = (
        Node("x", Input((3,))),
        Node(names[0], Dense(4), ("x",)),
        Node(names[1], Dense(4), (names[0],)),
    )
    with pytest.raises(GraphError, match="is both a node and a weight"):
        lower(Graph(nodes))


def test_state_travels_to_plain_modules_and_back() -> None:
    module = lower(chain(Input((2, 6, 5)), Conv(3, 2), BatchNorm(), ReLU(), Dense(4)))
    plain = nn.Sequential()
    for name, child in [
        ("conv1", nn.Conv2d(2, 3, 2)),
        ("bn1", nn.BatchNorm2d(3)),
        ("relu1", nn.ReLU()),
        ("flatten1", nn.Flatten()),
        ("fc1", nn.Linear(60, 4)),
    ]:
        plain.add_module(name, child)
    module(torch.randn(7, 2, 6, 5))
    plain.load_state_dict(module.state_dict())
    x = torch.randn(3, 2, 6, 5)
    torch.testing.assert_close(module.eval()(x), plain.eval()(x))
    plain.train()(x)
    module.load_state_dict(plain.state_dict())
    assert module.state_dict()["bn1.num_batches_tracked"] == 2


@every_net
def test_copies_are_independent_and_equal(net: Callable[[], Graph]) -> None:
    module = lower(net()).eval()
    x = torch.from_numpy(pictures(net())).float()
    twin = copy.deepcopy(module)
    assert torch.equal(module(x), twin(x))
    with torch.no_grad():
        next(twin.parameters()).add_(1)
    assert not torch.equal(module(x), twin(x))


@every_net
@both_ways
def test_export_gives_the_same_scores(net: Callable[[], Graph], fast: bool) -> None:
    module = lower(net(), fast=fast).eval()
    x = torch.from_numpy(pictures(net())).float()
    batch = torch.export.Dim("batch", min=2)
    exported = torch.export.export(module, (x,), dynamic_shapes=(({0: batch},),))
    more = torch.cat([x, x])
    torch.testing.assert_close(exported.module()(more), module(more))


@every_net
@both_ways
@pytest.mark.parametrize("training", [False, True])
def test_dynamo_sees_one_graph(net: Callable[[], Graph], fast: bool, training: bool) -> None:
    module = lower(net(), fast=fast).train(training)
    x = torch.from_numpy(pictures(net())).float()
    torch._dynamo.reset()
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    torch.manual_seed(0)
    found = compiled(x)
    torch.manual_seed(0)
    torch.testing.assert_close(found, lower_again(module, x), rtol=1e-4, atol=1e-5)


def lower_again(module: nn.Module, x: torch.Tensor) -> object:
    return copy.deepcopy(module)(x)


def test_a_replaced_submodule_takes_part() -> None:
    module = lower(lenet())
    module.fc2 = nn.Linear(9, 2)
    assert module(torch.zeros(3, 1, 13, 12)).shape == (3, 2)


def test_side_exits_leave_in_training_only() -> None:
    module = lower(with_side_exit())
    x = torch.randn(3, 2, 7, 6)
    scores, side = module(x)
    assert scores.shape == side.shape == (3, 4)
    seen: list[str] = []
    module.side.register_forward_hook(lambda *_: seen.append("side"))
    assert torch.equal(module.eval()(x), scores)
    assert seen == []


def test_several_inputs_are_several_arguments() -> None:
    nodes = (
        Node("left", Input((3,))),
        Node("right", Input((4,))),
        Node("a", Dense(2), ("left",)),
        Node("b", Dense(2), ("right",)),
        Node("add", Add(), ("a", "b")),
    )
    module = lower(Graph(nodes))
    x, y = torch.randn(5, 3), torch.randn(5, 4)
    assert torch.equal(module(x, y), module.a(x) + module.b(y))


def test_memory_is_freed_as_it_goes() -> None:
    """No more slots than values that are needed at once."""
    assert len(lower(lenet())._plan.empty) == 0
    assert len(lower(branching())._plan.empty) <= 2


def test_dropout_is_off_in_evaluation() -> None:
    module = lower(chain(Input((50,)), Dropout(0.5)))
    x = torch.ones(2, 50)
    assert torch.equal(module.eval()(x), x)
    assert not torch.equal(module.train()(x), x)


@pytest.mark.parametrize("merge", ["ADD", "MUL", "SUB", "CONCAT", "STACK"])
def test_a_network_of_one_call_that_reads_its_picture_twice(merge: str) -> None:
    graph = parse(f"INPUT 2x5x4 -> {{ PASS | PASS }} {merge}")
    x = pictures(graph)
    module = lower(graph).eval()
    wanted = graph.nodes[-1].operator.forward(Call((x, x)))
    for y in (module(torch.from_numpy(x).float()), module.train()(torch.from_numpy(x).float())):
        np.testing.assert_allclose(y.detach().numpy(), wanted, rtol=1e-6, atol=1e-6)


def test_a_network_of_one_call_answers_with_a_side_exit_at_its_picture() -> None:
    module, x = lower(parse("INPUT 4 -> { PASS } AUX 0.5 -> FC 4")).train(), torch.randn(2, 4)
    scores, side = module(x)
    torch.testing.assert_close(scores, module.eval()(x))
    assert side.equal(x)
