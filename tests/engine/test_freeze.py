from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from agreement import random_weights
from nets import branching, chain, lenet, with_side_exit
from striate.engine import Frozen, freeze
from striate.errors import SettingError, WeightsError
from striate.fused import frozen_conv
from striate.fused.build import Unavailable
from striate.graph import Graph, Node
from striate.ops import Add, BatchNorm, Conv, Dense, Flatten, GlobalAveragePool, Input, ReLU, Tanh
from striate.passes.fold import folded
from striate.pytorch import weights_of
from striate.reference import run

Weights = dict[str, dict[str, np.ndarray]]


def frozen(graph: Graph, seed: int = 0) -> tuple[Frozen, Weights]:
    weights = random_weights(graph, np.random.default_rng(seed))
    return freeze(graph, weights), weights


def pictures(graph: Graph, count: int, seed: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((count, *graph.specs[node.name].shape)).astype(np.float32)
        for node in graph.inputs
    ]


def residual() -> Graph:
    """Two residual blocks of 3x3 convolutions, one with a shortcut of its own."""
    nodes = [Node("input", Input((3, 9, 11)))]

    def add(name: str, operator: object, *inputs: str) -> str:
        nodes.append(Node(name, operator, inputs or (nodes[-1].name,)))  # type: ignore[arg-type]
        return name

    add("stem", Conv(33, 3, padding=1, bias=False)), add("stem_bn", BatchNorm())
    before = add("stem_relu", ReLU())
    for block, out in ((1, 33), (2, 35)):
        add(f"a{block}", Conv(out, 3, padding=1, bias=False), before)
        add(f"a{block}_bn", BatchNorm()), add(f"a{block}_relu", ReLU())
        add(f"b{block}", Conv(out, 3, padding=1, bias=False))
        after = add(f"b{block}_bn", BatchNorm())
        if out != 33:
            add("short", Conv(out, 1, bias=False), before)
            before = add("short_bn", BatchNorm())
        add(f"add{block}", Add(), after, before)
        before = add(f"relu{block}", ReLU())
    add("pool", GlobalAveragePool()), add("flat", Flatten()), add("fc", Dense(5))
    return Graph(tuple(nodes))


def two_inputs() -> Graph:
    return Graph(
        (
            Node("left", Input((2, 6, 5))),
            Node("right", Input((3, 6, 5))),
            Node("a", Conv(4, 3), ("left",)),
            Node("b", Conv(4, 3, bias=False), ("right",)),
            Node("bn", BatchNorm(), ("b",)),
            Node("both", Add(), ("a", "bn")),
            Node("end", Tanh(), ("both",)),
        )
    )


def before_activation() -> Graph:
    """As in DenseNet: the normalization comes first and stays."""
    return chain(
        *(Input((3, 9, 7)), Conv(5, 3, padding=1, bias=False)),
        *(BatchNorm(), ReLU(), BatchNorm(), ReLU(), Conv(6, 1, bias=False)),
        *(BatchNorm(), ReLU(), Conv(6, 3, padding=1, groups=6, bias=False), BatchNorm(), ReLU()),
        *(Dense(4), BatchNorm(), Dense(3)),
    )


NETS = [lenet, branching, with_side_exit, residual, before_activation, two_inputs]


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("count", [1, 2, 19])
def test_scores_are_those_of_the_formulas(net: Callable[[], Graph], count: int) -> None:
    graph = net()
    module, weights = frozen(graph)
    given = pictures(graph, count)
    exact = run(graph, weights, given[0] if len(given) == 1 else given).values[graph.scores.name]
    y = module(*map(torch.from_numpy, given))
    assert not y.requires_grad
    assert y.dtype == torch.float32
    np.testing.assert_allclose(y.numpy(), exact, rtol=1e-4, atol=2e-5 * np.abs(exact).max())


def steps(module: Frozen) -> list[str]:
    """The nodes of each step."""
    plan = module.shortcut._plans[0]  # type: ignore[union-attr]
    return [" ".join(".".join(path) for path in step.paths) or "input" for step in plan.steps]


def test_a_small_network_is_one_step() -> None:
    assert len(steps(frozen(lenet())[0])) == 1
    assert len(steps(freeze(lenet(), frozen(lenet())[1], fused=False))) > 9


def test_a_shortcut_is_part_of_the_convolution_before_it() -> None:
    found = steps(frozen(residual())[0])
    assert found[:5] == [
        *("input", "stem stem_relu", "a1 a1_relu", "b1 add1 relu1", "a2 a2_relu"),
    ]
    assert "short add2 relu2" in found
    assert found[-1] == "fc"


def test_sums_that_others_read_or_that_are_the_answer() -> None:
    """What is read elsewhere is computed for itself."""
    nodes = (
        Node("input", Input((2, 6, 5))),
        Node("a", Conv(3, 3, padding=1), ("input",)),
        Node("b", Conv(3, 1), ("a",)),
        Node("sum", Add(), ("b", "a")),
        Node("relu", ReLU(), ("sum",)),
        Node("c", Conv(3, 1), ("relu",)),
        Node("twice", Add(), ("c", "c")),
        Node("d", Conv(3, 1), ("twice",)),
        Node("e", Conv(3, 1), ("d",)),
        Node("end", Add(), ("e", "sum", "d")),
        Node("f", Conv(3, 1), ("end",)),
        Node("last", Add(), ("end", "f")),
    )
    graph = Graph(nodes)
    module, weights = frozen(graph)
    assert steps(module)[3:] == ["relu", "c", "twice", "d", "e", "end", "f last"]
    (x,) = pictures(graph, 3)
    exact = run(graph, weights, x).values["last"]
    np.testing.assert_allclose(
        module(torch.from_numpy(x)).numpy(), exact, rtol=1e-4, atol=1e-5 * np.abs(exact).max()
    )


@pytest.mark.compiler
@pytest.mark.parametrize("net", [lenet, residual, before_activation])
def test_kernels_agree_with_the_formulas(
    net: Callable[[], Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        frozen_conv.library()
    except Unavailable as reason:
        pytest.skip(reason.what)
    monkeypatch.setenv("STRIATE_FUSED", "require")
    test_scores_are_those_of_the_formulas(net, 18)


def test_tracers_see_plain_operators() -> None:
    graph = residual()
    module, _ = frozen(graph)
    x, other = (torch.from_numpy(pictures(graph, 2, seed)[0]) for seed in (1, 2))
    wanted = module(other)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated, by warnings that change
        traced = torch.jit.trace(module, x)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(traced(other), wanted, rtol=1e-4, atol=1e-4)
    exported = torch.export.export(module, (x,))
    assert not any("striate" in str(node.target) for node in exported.graph.nodes)
    torch.testing.assert_close(exported.module()(other), wanted, rtol=1e-4, atol=1e-4)


def test_any_batch_after_any_other() -> None:
    module, _ = frozen(lenet())
    x = torch.from_numpy(pictures(lenet(), 37)[0])
    whole = module(x)
    for size in (3, 37, 1, 16, 3):  # each by the kernels, or by PyTorch, as was measured for it
        torch.testing.assert_close(module(x[:size]), whole[:size], rtol=1e-4, atol=1e-4)
    assert module(x[:0]).shape == (0, 5)


def test_it_only_predicts() -> None:
    module, _ = frozen(lenet())
    assert not module.training
    assert module.eval() is module
    assert module.train(False) is module
    for wish in (module.train, module.requires_grad_):
        with pytest.raises(SettingError, match="frozen network only predicts"):
            wish()
    x = torch.from_numpy(pictures(lenet(), 2)[0]).requires_grad_()
    with torch.enable_grad():
        assert not module(x).requires_grad
    assert not any(p.requires_grad for p in module.parameters())


def test_a_copy_lives_by_itself() -> None:
    module, _ = frozen(residual())
    x = torch.from_numpy(pictures(residual(), 3)[0])
    before = module(x)
    twin = copy.deepcopy(module)
    state = {name: torch.zeros_like(value) for name, value in module.state_dict().items()}
    module.load_state_dict(state)
    assert not module(x).any()
    torch.testing.assert_close(twin(x), before, rtol=0, atol=0)


def test_state_is_the_folded_weights() -> None:
    graph = residual()
    module, weights = frozen(graph)
    wanted = folded(graph, weights)[1]
    found = weights_of(module)
    assert found.keys() == wanted.keys()
    for name, own in wanted.items():
        for key, array in own.items():
            np.testing.assert_array_equal(found[name][key], array.astype(np.float32))


def test_other_types_run_too() -> None:
    module, weights = frozen(lenet())
    (x,) = pictures(lenet(), 4)
    exact = run(lenet(), weights, x).values["fc2"]
    y: Tensor = module.double()(torch.from_numpy(x).double())
    np.testing.assert_allclose(y.numpy(), exact, rtol=1e-5, atol=1e-5)
    y = module.float()(torch.from_numpy(x))
    np.testing.assert_allclose(y.numpy(), exact, rtol=1e-4, atol=1e-4)


def test_kernels_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = residual()
    module, weights = frozen(graph)
    x = torch.from_numpy(pictures(graph, 2)[0])
    plain = freeze(graph, weights, fused=False)(x)
    monkeypatch.setenv("STRIATE_FUSED", "off")  # before the first call
    torch.testing.assert_close(module(x), plain, rtol=1e-5, atol=1e-5)


def test_wrong_weights_are_refused() -> None:
    weights = random_weights(lenet(), np.random.default_rng(0))
    del weights["fc2"]
    with pytest.raises(WeightsError, match="do not fit"):
        freeze(lenet(), weights)
