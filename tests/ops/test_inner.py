"""Inner values against an independent walk: each value, and autograd's gradient of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from judges import Twin
from recurrent_judges import CELLS, walked
from test_promises import agree, quickly

from promises import cases
from striate import ops
from striate.graph import Call, Operator, Ref
from striate.ops.recurrent.recurrence import Recurrence

WALKS = {kind: walked for kind in ops.OPERATORS if issubclass(kind, Recurrence)}
"""For each operator with inner values its output, and each of them by name, step by step."""


def test_every_operator_with_inner_values_is_walked() -> None:
    inside = {kind for kind in ops.OPERATORS if kind.inner is not Operator.inner}
    assert inside == WALKS.keys()
    assert {kind.__name__ for kind in inside} == CELLS.keys()


@pytest.mark.parametrize("kind", WALKS, ids=lambda kind: kind.__name__)
@given(st.data())
@quickly
def test_inner_values_and_gradients_are_those_of_a_walk(
    kind: type[Operator], data: st.DataObject
) -> None:
    case = data.draw(cases(kind, ties=False))
    y, steps = WALKS[kind](Twin.of(case))
    agree(case.call.y, y.detach().numpy(), 1e-9)
    every = [each for walk in steps.values() for each in walk]
    error = torch.from_numpy(case.error.copy())
    slopes = iter(torch.autograd.grad(y, every, error, allow_unused=True))
    found = case.operator.backward(case.call, case.error).inner
    assert set(found) == set(case.call.inner) == set(steps)
    for name, walk in steps.items():
        wanted = [slope if (slope := next(slopes)) is not None else 0 * each for each in walk]
        agree(case.call.inner[name], torch.stack(walk, dim=2).detach().numpy(), 1e-9)
        agree(found[name], torch.stack(wanted, dim=2).numpy(), 1e-9)


def by_hand(layer: Recurrence, **weights: list[float]) -> dict[str, list[float]]:
    """The inner values of a layer of one unit over the steps 1, 2 of one feature."""
    own = {f"{name}_l0": np.array(rows, dtype=float) for name, rows in weights.items()}
    own |= {name: rows[:, None] for name, rows in own.items() if name.startswith("weight_")}
    call = Call((np.array([[[1.0, 2.0]]]),), own)
    return {name: each[0, 0].tolist() for name, each in layer.inner_values(call).items()}


def test_a_gru_by_hand() -> None:
    """All sums are logarithms, so that gates are fractions: σ(log 3) = 3/4."""
    log = np.log(3.0).item()
    inner = by_hand(
        ops.GRU(1),
        weight_ih=[0, 0, 1],
        weight_hh=[0, 0, 2],
        bias_ih=[log, -log, 0],
        bias_hh=[0, 0, 0.5],
    )
    assert inner["reset"] == pytest.approx([3 / 4, 3 / 4])
    assert inner["update"] == pytest.approx([1 / 4, 1 / 4])
    first = 3 / 4 * np.tanh(1 + 3 / 4 * 0.5)
    assert inner["candidate_sum"] == pytest.approx([1.375, 2 + 3 / 4 * (2 * first + 0.5)])
    second = 3 / 4 * np.tanh(inner["candidate_sum"][1]) + first / 4
    assert inner["hidden"] == pytest.approx([first, second])


def test_a_reset_before_the_product_leaves_its_bias_alone() -> None:
    log = np.log(3.0).item()
    weights = {"weight_ih": [0, 0, 1], "weight_hh": [0, 0, 2]}
    biases = {"bias_ih": [log, -log, 0], "bias_hh": [0, 0, 0.5]}
    inner = by_hand(ops.GRU(1, reset="before"), **weights, **biases)
    first = 3 / 4 * np.tanh(1.5)
    assert inner["candidate_sum"] == pytest.approx([1.5, 2 + 2 * (3 / 4 * first) + 0.5])


def test_an_lstm_by_hand() -> None:
    log = np.log(3.0).item()
    inner = by_hand(
        ops.LSTM(1),
        weight_ih=[0, 0, 1, 0],
        weight_hh=[0, 0, 0, 0],
        bias_ih=[log, -log, 0, 0],
        bias_hh=[0, 0, 0, log],
    )
    cell = 3 / 4 * np.tanh(1)
    assert inner["cell"] == pytest.approx([cell, cell / 4 + 3 / 4 * np.tanh(2)])
    assert inner["hidden"] == pytest.approx(3 / 4 * np.tanh(inner["cell"]))


def test_a_gradient_flows_back_through_time() -> None:
    """Of the last of three states by the first: twice through the weight and through relu' = 1."""
    layer = ops.RNN(1, nonlinearity="relu", bias=False)
    weights = {"weight_ih_l0": np.ones((1, 1)), "weight_hh_l0": np.full((1, 1), 0.5)}
    call = Call((np.ones((1, 1, 3)),), weights)
    found = layer.backward(call, np.array([[[0.0, 0.0, 1.0]]]))
    assert found.inner["hidden"].tolist() == [[[0.25, 0.5, 1.0]]]
    assert found.inputs[0].tolist() == [[[0.25, 0.5, 1.0]]]
    # h = 1, 1.5, 1.75; the weight's gradient sums over steps 2 and 3: 0.5 · 1 + 1 · 1.5
    assert found.weights["weight_hh_l0"].tolist() == [[2.0]]
    uses = layer.uses(call, Ref("weight_hh_l0", (0, 0)))
    assert [(use.inner, use.output, use.value) for use in uses] == [
        ("hidden_sum", (0, 0, 1), 1.0),
        ("hidden_sum", (0, 0, 2), 1.5),
    ]


def test_an_lstm_counts_what_it_multiplies() -> None:
    x = ops.Input((64, 100)).shape()
    assert ops.LSTM(64).cost(x).multiply_adds == 3_276_800
    assert ops.GRU(64, bidirectional=True).cost(x).multiply_adds == 4_915_200
