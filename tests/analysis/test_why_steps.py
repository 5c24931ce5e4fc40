"""Why, of what happens inside a step: gates, sums and states, forward and back through time."""

from __future__ import annotations

import numpy as np
import pytest
from explained import Model, weights_of

from striate.analysis.why.inquiry import Inquiry
from striate.errors import ExplanationError
from striate.notation import parse

TEXT = """
INPUT 3x5 -> { PASS | start: GRU 4 reset=before last } GRU 4
-> LSTM 3 peepholes bidirectional -> RNN 2 last -> FC 3
"""


@pytest.fixture(scope="module")
def inquiry() -> Inquiry:
    graph = parse(TEXT)
    x = np.random.default_rng(2).standard_normal((3, 5)).astype(np.float32)
    return Inquiry(Model(graph, weights_of(graph), ("a", "b", "c")), x, "b")


def test_every_number_adds_up(inquiry: Inquiry) -> None:
    """Of each node, weight and inner value one number at random, and its gradient."""
    graph, rng = inquiry.graph, np.random.default_rng(4)
    places = {node.name: graph.specs[node.name].shape for node in graph}
    for node in graph:
        places |= {f"{node.name}.{n}": each.shape for n, each in graph.weights(node).items()}
        places |= {f"{node.name}.{n}": each.shape for n, each in graph.inner(node).items()}
    assert len(places) > 70
    for name, shape in places.items():
        index = ",".join(str(rng.integers(n)) for n in shape)
        number = f"{name}[{index}]" if shape else name
        for what in (number, *([] if name == "probability" else [f"{number}.grad"])):
            answer = inquiry.why(what)
            assert answer.reference_residual < 1e-9, what
            assert answer.relative_residual is not None
            assert answer.relative_residual < 1e-4, what


def test_the_walk_goes_from_step_to_step(inquiry: Inquiry) -> None:
    """From the last hidden state back to the first, and there to where the state came from."""
    what = "gru1[2,4]"
    for step in (3, 2, 1, 0):
        (_, kept) = inquiry.why(what).terms
        what = kept.factors[1].what
        assert what == f"gru1.hidden[2,{step}]"
    (_, kept) = inquiry.why(what).terms
    assert kept.factors[1].what == "start[2]"


def test_a_gradient_comes_from_the_next_step_and_the_output(inquiry: Inquiry) -> None:
    named = {each.factors[0].what for each in inquiry.why("gru1.hidden[2,1].grad").terms}
    assert {"gru1[2,1].grad", "gru1.hidden[2,2].grad", "gru1.reset_sum[0,2].grad"} <= named
    last = {each.factors[0].what for each in inquiry.why("gru1.hidden[2,4].grad").terms}
    assert last == {"gru1[2,4].grad"}
    first = {each.factors[0].what for each in inquiry.why("start[2].grad").terms}
    assert "gru1.hidden[2,0].grad" in first


def test_the_reverse_direction_reads_the_step_behind(inquiry: Inquiry) -> None:
    answer = inquiry.why("lstm1.cell_reverse[1,2]")
    assert answer.formula == (
        "lstm1.forget_gate_reverse[1,2] · lstm1.cell_reverse[1,3]"
        " + lstm1.input_gate_reverse[1,2] · lstm1.candidate_reverse[1,2]"
    )
    assert inquiry.why("lstm1[4,2]").value == inquiry.why("lstm1.hidden_reverse[1,2]").value


def test_a_weight_sums_over_the_steps(inquiry: Inquiry) -> None:
    answer = inquiry.why("gru1.weight_hh_l0[1,2].grad")
    assert answer.formula == "Σ gru1.reset_sum[1,t].grad · gru1.hidden[2,t-1]"
    assert [each.factors[1].what for each in answer.terms] == [
        "start[2]",
        *(f"gru1.hidden[2,{t}]" for t in range(4)),
    ]


def test_functions_of_inner_values_are_found(inquiry: Inquiry) -> None:
    total = inquiry.why("gru1.update_sum[0,3]").value
    answer = inquiry.why("σ(gru1.update_sum[0,3])")
    assert answer.value == pytest.approx(1 / (1 + np.exp(-total)))
    assert answer.stored == pytest.approx(answer.value, rel=1e-5)
    assert inquiry.why("tanh'(lstm1.cell[0,1])").askable == ("lstm1.cell[0,1]",)


def test_what_does_not_exist_is_said(inquiry: Inquiry) -> None:
    with pytest.raises(ExplanationError, match=r"Did you mean reset"):
        inquiry.why("gru1.rest[0,0]")
    with pytest.raises(ExplanationError, match=r"gru1.reset is 4x5 \(unit, step\), so it has no"):
        inquiry.why("gru1.reset[4,0]")


def test_a_sequence_says_which_steps_it_sees(inquiry: Inquiry) -> None:
    graph = parse("INPUT 3x5 -> GRU 4 -> GRU 4")
    alone = Inquiry(Model(graph, weights_of(graph), ()), np.ones((3, 5), np.float32))
    assert [str(each) for each in alone.why("gru2[0,2]").sees] == ["steps 0–2"]
