from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.analysis.verify import Agreement, Verification, distance, verify
from striate.errors import SettingError
from striate.graph import Assembly, Call, Gradients, Graph, Operator
from striate.ops import (
    Add,
    AveragePool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Input,
    MaxPool,
    ReLU,
    Softmax,
    SquaredError,
    Tanh,
)

Array = NDArray[Any]


def chain(*operators: Operator) -> Graph:
    made, inputs = Assembly(), list[str]()
    for operator in operators:
        inputs = [made.add(operator, inputs)]
    return made.graph()


def residual() -> Graph:
    made = Assembly()
    stem = made.add(Conv(4, 3, padding=1), [made.add(Input((2, 7, 9)))])
    inner = made.add(BatchNorm(), [made.add(Conv(4, 3, padding=1), [stem])])
    summed = made.add(ReLU(), [made.add(Add(), [inner, stem])])
    made.exit(made.add(Dense(5), [summed], "aux"), 0.4)
    made.add(Dense(5), [made.add(Dropout(0.4), [made.add(AveragePool(3), [summed])])])
    return made.graph()


GRAPHS = {
    "lenet": chain(
        Input((1, 28, 28)), Conv(6, 5), ReLU(), MaxPool(2), Conv(16, 5), ReLU(), MaxPool(2),
        Dense(120), ReLU(), Dense(10),
    ),
    "residual": residual(),
    "probabilities": chain(Input((11,)), Dense(7), Tanh(), Dense(4), Softmax()),
    "squared": chain(Input((11,)), Dense(7), SquaredError()),
    "a map": chain(Input((2, 8, 9)), Conv(3, 3), ReLU()),
    "one unit": chain(Input((2, 8)), Dense(1)),
}  # fmt: skip


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_engines_agree(graph: Graph) -> None:
    found = verify(graph, seed=3)
    assert [node.name for node in found.nodes] == [node.name for node in graph]
    assert found.ok
    assert max(node.error for node in found.nodes) < 1e-12
    assert found.suspects == ()


def test_the_answer_has_the_promised_form() -> None:
    found = json.loads(json.dumps(verify(GRAPHS["squared"]).to_json()))
    assert found["schema_version"] == 1
    assert found["ok"] is True
    assert [set(node) for node in found["nodes"]] == [
        {"name", "operator", "forward_error", "backward_error"}
    ] * 3
    assert [node["operator"] for node in found["nodes"]] == ["Input", "Dense", "SquaredError"]


def wrong_value(operator: type[Operator], monkeypatch: pytest.MonkeyPatch) -> None:
    right = operator.forward
    monkeypatch.setattr(operator, "forward", lambda self, call: right(self, call) * (1 + 1e-7))


def wrong_gradient(operator: type[Operator], monkeypatch: pytest.MonkeyPatch) -> None:
    right = operator.backward

    def planted(self: Operator, call: Call, error: Array) -> Gradients:
        found = right(self, call, error)
        return Gradients(tuple(each * (1 + 1e-7) for each in found.inputs), found.weights)

    monkeypatch.setattr(operator, "backward", planted)


def wrong_weight_gradient(operator: type[Operator], monkeypatch: pytest.MonkeyPatch) -> None:
    right = operator.backward

    def planted(self: Operator, call: Call, error: Array) -> Gradients:
        found = right(self, call, error)
        return Gradients(found.inputs, {**found.weights, "bias": found.weights["bias"] / 2})

    monkeypatch.setattr(operator, "backward", planted)


@pytest.mark.parametrize("operator", [BatchNorm, AveragePool, Add])
@pytest.mark.parametrize("plant", [wrong_value, wrong_gradient])
def test_a_wrong_operator_is_caught_and_named(
    plant: Any, operator: type[Operator], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(operator, monkeypatch)
    found = verify(GRAPHS["residual"])
    (name,) = [node.name for node in GRAPHS["residual"] if type(node.operator) is operator]
    assert not found.ok
    # A wrong gradient of a shared input may come from any of its readers.
    shared = ("flatten1",) if (plant, operator) == (wrong_gradient, AveragePool) else ()
    assert found.suspects == (*shared, name)


@pytest.mark.parametrize(
    "layers",
    [
        "INSTANCENORM affine=no -> GLOBALAVGPOOL",
        "GROUPNORM 4 -> GLOBALAVGPOOL -> FC 3 -> RELU",
        "{ PASS | PASS } SUB -> FC 4",
        "L2NORM axis=row -> SLICE 0 1 axis=row -> L2NORM axis=row",
    ],
)
def test_what_cancels_to_nothing_agrees(layers: str) -> None:
    """All that is left, through the layers before and behind, is rounding."""
    answer = verify(f"INPUT 3x6x6 -> CONV 4 3x3 -> TANH -> {layers} -> FC 3")
    assert answer.ok, answer.headline


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 1x2x3 -> PERMUTE 2x1x0 -> BN -> FC 3",
        "INPUT 3x2x1 -> PERMUTE 1x0x2 -> SCALE -> BN -> FC 3",
        "INPUT 1x2x3x1 -> PERMUTE 2x0x3x1 -> RELU -> BN -> FC 3",
    ],
)
def test_permuted_maps_of_one_row_or_column_are_normalized_alike(text: str) -> None:
    """Their strides fit two layouts; PyTorch's batch normalization confuses them backward."""
    answer = verify(text)
    assert answer.ok, answer.headline


def test_a_wrong_weight_gradient_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_weight_gradient(BatchNorm, monkeypatch)
    found = verify(GRAPHS["residual"])
    assert [node.name for node in found.nodes if node.error > found.bound] == ["bn1"]


def test_noise_that_is_not_applied_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dropout, "forward", lambda self, call: call.x)
    assert verify(GRAPHS["residual"]).suspects == ("dropout1",)


def test_what_is_not_a_number_never_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    assert distance(np.array([1.0, math.nan]), np.array([1.0, 2.0])) == math.inf
    assert distance(np.array([math.nan]), np.array([math.nan])) == math.inf
    assert distance(np.zeros((2, 3)), np.zeros((3, 2))) == math.inf
    assert distance(np.zeros(3), np.zeros(3)) == 0
    assert not Verification((Agreement("a", "ReLU", math.nan, 0.0),)).ok
    monkeypatch.setattr(ReLU, "forward", lambda self, call: call.x * math.nan)
    assert not verify(GRAPHS["lenet"]).ok


def test_a_batch_of_one_is_refused() -> None:
    with pytest.raises(SettingError, match="hides mistakes"):
        verify(GRAPHS["lenet"], batch=1)
