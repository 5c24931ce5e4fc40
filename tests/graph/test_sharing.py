"""Nodes that use another's weights: what is counted, what is refused, what a part keeps."""

from __future__ import annotations

import pytest

from striate.analysis.table import table
from striate.builder import Conv, Dense, Input, ReLU, Subtract
from striate.errors import GraphError, StriateError
from striate.exchange.json import from_json, to_json
from striate.notation import parse, parse_operator, text

TIED = "INPUT 2x8x8 -> CONV 2 3x3 same -> RELU -> CONV 2 3x3 same shares=conv1 -> FC 3"
TWINS = "INPUT 1x6x6 -> { a: CONV 2 3x3 | FLIP row -> b: CONV 2 3x3 shares=a } SUB -> FC 2"


def test_shared_weights_are_counted_once() -> None:
    graph = parse(TIED)
    assert graph.parameters == 2 * 2 * 9 + 2 + 128 * 3 + 3
    assert graph.multiply_adds == 2 * (64 * 2 * 2 * 9) + 128 * 3
    rows = {row.name: row for row in table(graph).rows}
    assert rows["conv2"].parameters == 0
    assert rows["conv2"].shares == "conv1"
    assert "shares conv1" in rows["conv2"].cells[1]
    assert graph.sharers("conv1") == ("conv1", "conv2")


@pytest.mark.parametrize("written", [TIED, TWINS])
def test_they_come_back_from_text_and_json(written: str) -> None:
    graph = parse(written)
    assert parse(text(graph)) == graph
    assert from_json(to_json(graph)) == graph


def test_the_builder_says_the_same() -> None:
    tied = Conv(2, 3, padding="same") >> ReLU() >> Conv(2, 3, padding="same").sharing("conv1")
    assert (Input(2, 8, 8) >> tied >> Dense(3)).graph() == parse(TIED)
    branches = Subtract(Conv(1, 3).named("a"), Conv(1, 3).sharing("a"))
    assert (Input(1, 6, 6) >> branches).graph()["conv1"].shares == "a"


def test_in_a_repeated_block_each_copy_shares_its_own() -> None:
    block = "[c: CONV 2 3x3 same -> RELU -> CONV 2 3x3 same shares=c]*2"
    graph = parse(f"INPUT 2x6x6 -> {block} -> FC 2")
    assert [node.shares for node in graph if node.shares] == ["c", "c_2"]
    assert parse(text(graph)) == graph


def test_a_part_keeps_what_lends_it_weights() -> None:
    part = parse(TWINS).upto("b")
    assert {node.name for node in part} == {"input", "a", "flip1", "b"}
    assert parse(text(part)) == part


def test_a_weight_that_only_one_has_is_its_own() -> None:
    graph = parse("INPUT 2x8x8 -> CONV 2 3x3 same bias=no -> CONV 2 3x3 same shares=conv1 -> FC 3")
    assert set(graph.own_weights(graph["conv2"])) == {"bias"}
    norms = parse("INPUT 2x8x8 -> BN -> RELU -> BN shares=bn1 -> FC 3")
    assert set(norms.own_weights(norms["bn2"])) == {"running_mean", "running_var"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("RELU shares=conv1", "relu1 cannot share the weights of conv1: none has the same name"),
        ("CONV 3 3x3 shares=conv1", "conv2.weight is 3x2x3x3, conv1.weight is 2x2x3x3"),
        ("CONV 2 3x3 shares=nope", "conv2 shares the weights of nope, which does not exist"),
        ("CONV 2 3x3 shares=conv2", "conv2 depends on itself"),
        ("a: CONV 2 3x3 shares=b -> b: CONV 2 3x3", "depends on itself"),
        (
            "CONV 2 3x3 same shares=conv1 -> CONV 2 3x3 shares=conv2",
            "conv3 cannot share the weights of conv2: they are those of conv1",
        ),
    ],
)
def test_what_cannot_be_shared_is_refused(written: str, said: str) -> None:
    with pytest.raises(GraphError) as caught:
        parse(f"INPUT 2x8x8 -> CONV 2 3x3 same -> {written} -> FC 3")
    assert said in str(caught.value)


def test_an_operator_alone_shares_nothing() -> None:
    with pytest.raises(StriateError, match="an operator alone shares no weights"):
        parse_operator("CONV 2 3x3 shares=conv1")
