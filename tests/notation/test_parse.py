"""What each form of the notation stands for."""

from __future__ import annotations

import pytest

from striate.errors import StriateError
from striate.graph import Auxiliary, Graph, Operator
from striate.notation import parse, parse_operator
from striate.ops import (
    AveragePool,
    BatchNorm,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    Flatten,
    Input,
    LogLoss,
    MaxPool,
    SquaredError,
)


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph]


def inputs(graph: Graph) -> dict[str, tuple[str, ...]]:
    return {node.name: node.inputs for node in graph}


def test_the_network_of_the_readme() -> None:
    graph = parse("INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 1024 -> FC 10")
    expected = "input conv1 relu1 pool1 conv2 relu2 pool2 flatten1 fc1 fc2"
    assert names(graph) == expected.split()
    assert graph["conv2"].operator == Conv(32, 5, padding="same")
    assert graph.specs["pool2"].shape == (32, 7, 7)


@pytest.mark.parametrize(
    ("text", "operator"),
    [
        ("INPUT 1x28x29", Input((1, 28, 29))),
        ("INPUT 1 x 28 × 29", Input((1, 28, 29))),
        ("INPUT 2x100", Input((2, 100))),
        ("INPUT 7", Input((7,))),
        ("CONV 6 5x5", Conv(6, 5)),
        ("CONV 6", Conv(6, 3)),
        ("conv 6 5x3 Same", Conv(6, (5, 3), padding="same")),
        ("CONV 6 3 full stride=2 dilation=3 groups=2 bias=no", Conv(6, 3, 2, "full", 3, 2, False)),
        ("CONV 6 same 7", Conv(6, 7, padding="same")),
        ("CONV kernel=7 out_channels=6", Conv(6, 7)),
        ("CONV 6 3 pad=2", Conv(6, 3, padding=2)),
        ("CONV 6 3 pad=2x1", Conv(6, 3, padding=(2, 1))),
        ("CONV 6 3 padding = 2x2", Conv(6, 3, padding=2)),
        ("CONV 6 3 pad=0", Conv(6, 3)),
        ("CONV 6 3 pad=0+1x2+3", Conv(6, 3, padding=((0, 1), (2, 3)))),
        ("CONV 6 3 pad=0+1", Conv(6, 3, padding=((0, 1),))),
        ("CONV 6 3 pad=1+1x2+2", Conv(6, 3, padding=(1, 2))),
        ("CONV 6 3 stride=3x2", Conv(6, 3, (3, 2))),
        ("CONV3-64", Conv(64, 3, padding="same")),
        ("conv1-8", Conv(8, 1, padding="same")),
        ("CONV3-64 stride=2", Conv(64, 3, 2, "same")),
        ("FC 10", Dense(10)),
        ("FC-4096", Dense(4096)),
        ("FC4096", Dense(4096)),
        ("linear 10 bias=off", Dense(10, bias=False)),
        ("MAXPOOL 3 stride=2", MaxPool(3, 2)),
        ("POOL 2", MaxPool(2)),
        ("POOL2", MaxPool(2)),
        ("MAXPOOL", MaxPool(2)),
        ("MAXPOOL 3 stride=3", MaxPool(3)),
        ("MAXPOOL 3 ceil", MaxPool(3, ceil=True)),
        ("MAXPOOL 3 stride=none ceil=yes pad=1", MaxPool(3, padding=1, ceil=True)),
        ("AVGPOOL 2 include_padding=no", AveragePool(2, include_padding=False)),
        ("DROPOUT 0.25", Dropout(0.25)),
        ("DROPOUT .25", Dropout(0.25)),
        ("DROPOUT rate=1e-3", Dropout(0.001)),
        ("DROPOUT 0", Dropout(0.0)),
        ("BN epsilon=1e-3 momentum=0.01", BatchNorm(0.001, 0.01)),
        ("FLATTEN", Flatten()),
        ("CROSSENTROPY smoothing=0.1", CrossEntropy(0.1)),
        ("SQUAREDERROR", SquaredError()),
        ("LOGLOSS", LogLoss()),
    ],
)
def test_operators(text: str, operator: Operator) -> None:
    found = parse_operator(text)
    assert found == operator
    assert repr(found) == repr(operator), "0 and 0.0 are equal, but one is printed otherwise"


def test_case_arrows_breaks_and_comments_do_not_matter() -> None:
    usual = parse("INPUT 1x9x9 -> CONV 2 3x3 -> RELU -> FC 3")
    loose = (
        "\ufeffinput 1x9x9 # a picture\n  → Conv 2 3X3\n\t-> # nothing here -> \n relu->fc 3 # end"
    )
    assert parse(loose) == usual


def test_input_to_dense_is_a_linear_classifier() -> None:
    assert names(parse("INPUT 3x4x5 -> FC 10")) == ["input", "flatten1", "fc1"]


def test_flatten_may_be_written() -> None:
    assert parse("INPUT 3x4x5 -> FLATTEN -> FC 10") == parse("INPUT 3x4x5 -> FC 10")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("INPUT 5 -> [RELU]*3", "INPUT 5 -> RELU -> RELU -> RELU"),
        ("INPUT 5 -> [RELU]", "INPUT 5 -> RELU"),
        ("INPUT 5 -> [[ELU]*2 -> TANH]*2", "INPUT 5 -> ELU -> ELU -> TANH -> ELU -> ELU -> TANH"),
        ("INPUT 5 -> [[PASS -> RELU]*1 -> [TANH]*1]*2", "INPUT 5 -> RELU -> TANH -> RELU -> TANH"),
        ("[INPUT 5 -> RELU]*1 -> FC 3", "INPUT 5 -> RELU -> FC 3"),
        ("INPUT 5 -> PASS -> FC 3", "INPUT 5 -> FC 3"),
        ("INPUT 5; @input -> FC 3;", "INPUT 5 -> FC 3"),
        ("INPUT 5 -> a: FC 3 -> b: RELU; @a -> { @b | PASS } ADD",
         "INPUT 5 -> a: FC 3 -> { b: RELU | PASS } ADD"),
    ],
)  # fmt: skip
def test_repetition_and_statements(text: str, same: str) -> None:
    assert parse(text) == parse(same)


def test_names_in_repeated_blocks() -> None:
    graph = parse("INPUT 5 -> [a: FC 5 -> { @a | RELU } sum: ADD]*3")
    assert names(graph) == [
        "input",
        "a",
        "relu1",
        "sum",
        "a_2",
        "relu2",
        "sum_2",
        "a_3",
        "relu3",
        "sum_3",
    ]
    assert inputs(graph)["sum_2"] == ("a_2", "relu2"), "@a means the a of its own copy"


def test_a_name_after_a_repetition_is_that_of_the_last_copy() -> None:
    graph = parse("INPUT 5 -> [a: FC 5]*2 -> RELU -> { PASS | @a } ADD")
    assert inputs(graph)["add1"] == ("relu1", "a_2")


def test_names_keep_their_case_and_may_have_dots() -> None:
    graph = parse("INPUT 5 -> F6: FC 4 -> layer1.0.relu: RELU")
    assert names(graph) == ["input", "F6", "layer1.0.relu"]


def test_branches() -> None:
    graph = parse("INPUT 2x6x5 -> RELU -> { CONV 3 1x1 -> TANH | PASS | } CONCAT -> FC 3")
    assert inputs(graph)["concat1"] == ("tanh1", "relu1", "relu1")
    assert graph.specs["concat1"].shape == (7, 6, 5)


def test_a_merge_may_be_named_and_nested() -> None:
    graph = parse("INPUT 5 -> { { RELU | TANH } inner: ADD | PASS } outer: MUL")
    assert inputs(graph)["outer"] == ("inner", "input")


def test_references() -> None:
    graph = parse("INPUT 5 -> a: RELU -> b: TANH -> SIGMOID -> { @a -> RELU | @b | @sigmoid1 } ADD")
    assert inputs(graph)["add1"] == ("relu1", "b", "sigmoid1")


def test_several_inputs() -> None:
    graph = parse("{ INPUT 5 | query: INPUT 7 -> FC 5 } ADD")
    assert [node.name for node in graph.inputs] == ["input", "query"]
    assert parse("query: INPUT 7 -> FC 5; { INPUT 5 | @fc1 } ADD") == graph


def test_side_exits() -> None:
    graph = parse("INPUT 2x6x5 -> RELU -> { FC 9 -> side: FC 3 } AUX 0.3 -> TANH -> FC 3")
    assert graph.auxiliary == (Auxiliary("side", 0.3),)
    assert inputs(graph)["tanh1"] == ("relu1",)
    assert graph.nodes[-1].name == "fc2"


def test_the_value_itself_may_leave() -> None:
    assert parse("INPUT 5 -> RELU -> { PASS } AUX -> FC 3").auxiliary == (Auxiliary("relu1"),)


@pytest.mark.parametrize(
    "text", ["", "INPUT 5 -> FC 3", "a: RELU", "RELU -> RELU", "[RELU]*2", "3"]
)
def test_what_is_not_one_operator(text: str) -> None:
    with pytest.raises(StriateError):
        parse_operator(text)
