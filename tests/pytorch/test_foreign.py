"""Networks with operators that others compute: what is known of them, what is taken as given."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from striate.analysis.memory import memory
from striate.analysis.table import table
from striate.analysis.verify import verify
from striate.analysis.why.inquiry import why
from striate.engine import freeze, lower
from striate.errors import GraphError, SettingError, StriateError
from striate.exchange.json import from_json, to_json
from striate.graph import Graph, Index
from striate.initialize import initialize
from striate.notation import parse, text
from striate.ops.arrays import Array
from striate.pytorch import source
from striate.pytorch.foreign import attach
from striate.reference import run

WRITTEN = (
    'INPUT 2x6x6 -> CONV 3 3x3 -> RELU -> sums: OPAQUE "torch.cumsum" 3x4x4 -> CONV 4 3x3 -> FC 3'
)
NETWORK = attach(parse(WRITTEN), {"sums": lambda x: x.cumsum(2)})
X = np.random.default_rng(0).standard_normal((2, 6, 6))


def test_table_memory_text_and_json_need_no_function() -> None:
    graph = parse(WRITTEN)
    row = next(row for row in table(graph).rows if row.name == "sums")
    assert row.cells[3:6] == ("?", "?", "?")
    assert any("work and parameters of sums" in line for line in table(graph).not_counted)
    assert row.activation_bytes == 4 * 48
    assert memory(graph).not_counted[0].startswith("what training keeps of sums beside")
    assert parse(text(graph)) == graph == NETWORK
    assert from_json(json.loads(json.dumps(to_json(NETWORK)))) == graph
    with pytest.raises(StriateError, match=r"nothing here computes torch\.cumsum"):
        run(graph, initialize(graph), X)
    with pytest.raises(StriateError, match=r"nothing here computes torch\.cumsum"):
        lower(graph)(torch.zeros(1, 2, 6, 6))


def test_why_walks_past_it_in_both_directions() -> None:
    model = (NETWORK, initialize(NETWORK))
    value = why(model, X, "sums[1,2,3]")
    assert value.formula == "torch.cumsum(relu1)[1,2,3]"
    assert "others compute sums" in value.notes[0]
    for what in ("relu1[1,2,3].grad", "conv1.weight[0,1,2,2].grad", "input[1,3,3].grad"):
        answer = why(model, X, what, target=1)
        assert abs(answer.sum - answer.reference) < 1e-12
        assert abs(answer.sum - answer.stored) < 1e-6
    through = why(model, X, "relu1[1,1,3].grad", target=1)
    assert [term.factors[1].value for term in through.terms] == [1.0, 1.0, 1.0]


def test_verify_says_that_it_is_not_checked() -> None:
    answer = verify(NETWORK)
    assert answer.ok
    assert answer.unchecked == ("sums",)
    assert "Not checked" in str(answer)


def test_it_trains_around_it_and_predicts() -> None:
    weights = initialize(NETWORK)
    module = lower(NETWORK, weights)
    x = torch.randn(3, 2, 6, 6)
    module(x).sum().backward()
    assert module.conv1.weight.grad.abs().sum() > 0
    torch.testing.assert_close(freeze(NETWORK, weights)(x), module.eval()(x))
    torch.testing.assert_close(copy.deepcopy(module)(x), module(x))


class Gate(nn.Module):
    """A module with weights and two modes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.norm(x * y.cumsum(1))


def test_a_module_is_used_as_it_predicts_with_its_own_weights() -> None:
    graph = parse(
        "INPUT 2x6x6 -> CONV 3 3x3 -> { PASS | RELU } OPAQUE gate 3x4x4 -> GLOBALAVGPOOL -> FC 3"
    )
    gate = Gate()
    attached = attach(graph, {"opaque1": gate})
    assert verify(attached).ok
    module = lower(attached)
    assert not [name for name, _ in module.named_parameters() if "opaque" in name]
    module.train()(torch.randn(4, 2, 6, 6)).sum().backward()
    assert gate.norm.num_batches_tracked == 0
    assert gate.norm.weight.grad is None


class Doubled:
    """What computes without PyTorch."""

    def value(self, *inputs: Array) -> Array:
        return 2 * inputs[0]

    def gradients(self, error: Array, *inputs: Array) -> tuple[Array, ...]:
        return (2 * error,)

    def derivative(self, slot: int, index: Index, *inputs: Array) -> Array:
        slopes = np.zeros_like(inputs[slot])
        slopes[index] = 2
        return slopes


def test_what_computes_on_arrays_is_bridged() -> None:
    graph = parse("INPUT 4 -> FC 5 -> OPAQUE doubled 5 -> FC 3")
    nodes = tuple(
        replace(n, operator=replace(n.operator, function=Doubled())) if n.name == "opaque1" else n
        for n in graph
    )
    assert verify(Graph(nodes)).ok


def _fails(x: Tensor) -> Tensor:
    raise ValueError("inside")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_fails, "torch.cumsum failed: ValueError: inside"),
        (lambda: 1, "torch.cumsum failed: TypeError"),
        (lambda x: (x, x), "but made a tuple"),
        (lambda x: None, "but made a NoneType"),
        (lambda x: x.to(torch.complex64), "but made one of torch.complex64"),
        (lambda x: x.to("meta"), "on meta"),
        (lambda x: x.flatten(1), "made 3x48"),
        (lambda x: x[:1], "was to make 3x3x4x4, pictures first, but made 1x3x4x4"),
        (nn.LazyConv2d(3, 1), "uninitialized parameter"),
    ],
)
def test_a_function_that_fails_or_makes_something_else_is_said_by_both_engines(
    function: Callable[..., Tensor], said: str
) -> None:
    graph = attach(parse(WRITTEN), {"sums": function})
    weights, x = initialize(graph), np.repeat(X[None], 3, 0)
    with pytest.raises(StriateError, match=said):
        run(graph, weights, x)
    with pytest.raises(StriateError, match=said):
        lower(graph)(torch.from_numpy(x).float())


@pytest.mark.parametrize("function", [nn.ReLU(inplace=True), lambda x: x.clamp_(0).float()])
def test_a_function_may_write_into_what_it_is_given_and_answer_in_another_type(
    function: Callable[..., Tensor],
) -> None:
    text = "INPUT 2x6x6 -> CONV 3 3x3 -> { own: OPAQUE relu 3x4x4 | PASS } ADD -> FC 3"
    graph = attach(parse(text), {"own": function})
    plain = parse(text.replace("own: OPAQUE relu 3x4x4", "RELU"))
    assert verify(graph, bound=1e-5).ok
    module, other = lower(graph).double(), lower(plain).double()
    other.load_state_dict(module.state_dict())
    x = torch.from_numpy(X)[None]
    torch.testing.assert_close(copy.deepcopy(module)(x), other(x), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(module(x), other(x), atol=1e-6, rtol=1e-6)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(SettingError, match="sums cannot be computed by 3"):
        attach(parse(WRITTEN), {"sums": 3})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("functions", "said"),
    [({"sum": abs}, "sum is no opaque node"), ({"relu1": abs}, "relu1 is no opaque node")],
)
def test_a_function_for_no_opaque_node_is_refused(functions: dict[str, object], said: str) -> None:
    with pytest.raises(GraphError, match=said):
        attach(parse(WRITTEN), functions)  # type: ignore[arg-type]


def test_what_goes_wrong_is_said() -> None:
    wrong = attach(parse(WRITTEN), {"sums": lambda x: x[:, :, :2]})
    with pytest.raises(
        StriateError, match=r"was to make 1x3x4x4, pictures first, but made 1x3x2x4"
    ):
        run(wrong, initialize(wrong), X)
    still = attach(parse(WRITTEN), {"sums": lambda x: x.detach().round()})
    with pytest.raises(StriateError, match="PyTorch has no derivative"):
        why((still, initialize(still)), X, "conv1[0,0,0].grad", target=0)
    with pytest.raises(GraphError, match="others compute it"):
        source(NETWORK)
    for name in ('OPAQUE "" 4', 'OPAQUE "a{b" 4', f"OPAQUE {'a' * 201} 4", "OPAQUE a 0x4"):
        with pytest.raises(StriateError):
            parse(f"INPUT 4 -> {name}")
