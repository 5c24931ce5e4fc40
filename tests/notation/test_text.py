"""The canonical text of a graph."""

from __future__ import annotations

import pytest

from specimens import specimen
from striate.graph import Auxiliary, Graph, Node
from striate.networks import NETWORKS
from striate.notation import operator_text, parse, parse_operator, text
from striate.ops import OPERATORS, Add, Concat, Conv, Dense, Dropout, Input, MaxPool, ReLU

CANONICAL = (
    "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 1024 -> RELU -> FC 10",
    "INPUT 5",
    "in: INPUT 2x100 -> CONV 8 5 full stride=2 -> RELU -> FC 3 -> CROSSENTROPY smoothing=0.1",
    "INPUT 2x6x5 -> CONV 4 3x1 stride=2x1 pad=0+1x2+3 dilation=2 groups=2 bias=no",
    "INPUT 2x6x5 -> C1: CONV 4 3x3 -> POOL: MAXPOOL 3 stride=2 ceil=yes -> DROPOUT 0.25 -> FC 3",
    "INPUT 2x6x5 -> { CONV 3 1x1 -> RELU | PASS } CONCAT -> [{ PASS | TANH } ADD]*3",
    "INPUT 5 -> [[RELU -> TANH]*2 -> SIGMOID]*2 -> FC 3",
    "INPUT 5 -> [FC 3 -> RELU]*2 -> FC 3",
    "INPUT 2x6x5 -> RELU -> { FC 9 -> RELU -> FC 3 } AUX 0.3 -> TANH -> { PASS } AUX -> FC 3",
    "INPUT 5 -> RELU -> { { TANH | PASS } ADD | @tanh1 -> SIGMOID } MUL",
    "{ INPUT 5 | query: INPUT 7 -> FC 5 } ADD",
    "INPUT 5 -> { PASS | PASS } ADD",
    "INPUT 2x5x5 -> FLATTEN -> { FC 3 | FC 3 } ADD",
    "INPUT 2x5x5 -> { FC 3 | FC 3 } ADD",
    'INPUT 2x5x5 -> LAYERNORM axis=last affine=no -> RMSNORM axis="row column"',
    "INPUT 2x5x5 -> L2NORM -> INSTANCENORM -> L2NORM axis=last",
    'INPUT 2x5x5 -> LAYERNORM axis="1 2" -> GROUPNORM 2 affine=no -> BN affine=no -> RELU',
    "INPUT 2x5x5 -> FC 3 axis=last -> FC 4 axis=channel -> FLATTEN -> FC 5 axis=last",
)


@pytest.mark.parametrize("canonical", CANONICAL)
def test_a_canonical_text_is_kept(canonical: str) -> None:
    assert text(parse(canonical)) == canonical


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("input 5 → relu → relu # twice", "INPUT 5 -> [RELU]*2"),
        ("INPUT 5 -> relu1: RELU", "INPUT 5 -> RELU"),
        ("INPUT 5 -> relu2: RELU -> RELU", "INPUT 5 -> relu2: RELU -> RELU"),
        ("INPUT 2x5x5 -> FLATTEN -> FC 3", "INPUT 2x5x5 -> FC 3"),
        ("INPUT 2x5x5 -> flat: FLATTEN -> FC 3", "INPUT 2x5x5 -> flat: FLATTEN -> FC 3"),
        ("INPUT 2x5x5 -> FLATTEN", "INPUT 2x5x5 -> FLATTEN"),
        ("INPUT 2x9 -> CONV 3 5 pad=0 stride=1", "INPUT 2x9 -> CONV 3 5"),
        ("INPUT 3x9x9 -> CONV3-8 -> MAXPOOL 2x2", "INPUT 3x9x9 -> CONV 8 3x3 same -> MAXPOOL 2"),
    ],
)  # fmt: skip
def test_other_texts_become_canonical(written: str, canonical: str) -> None:
    assert text(parse(written)) == canonical
    assert parse(canonical) == parse(written)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_catalog_round_trips(name: str) -> None:
    graph = parse(NETWORKS[name].notation)
    canonical = text(graph)
    assert parse(canonical) == graph
    assert text(parse(canonical)) == canonical


def test_what_is_shared_between_branches_is_written_once() -> None:
    shared = Node("shared", Dense(5), ("input",))
    graph = Graph(
        (
            Node("input", Input((5,))),
            shared,
            Node("left", Add(), ("shared", "input")),
            Node("right", Concat(), ("left", "shared")),
            Node("end", Concat(), ("right", "left", "input")),
        )
    )
    assert parse(text(graph)) == graph


def test_exits_in_another_order_than_the_way() -> None:
    graph = Graph(
        (
            Node("input", Input((5,))),
            Node("a", ReLU(), ("input",)),
            Node("b", ReLU(), ("a",)),
            Node("late", Dense(2), ("b",)),
            Node("early", Dense(3), ("a",)),
            Node("both", Concat(), ("late", "a")),
            Node("end", Dense(4), ("b",)),
        ),
        (Auxiliary("both", 0.5), Auxiliary("early", 2.0), Auxiliary("late"), Auxiliary("input")),
    )
    assert parse(text(graph)) == graph


def test_deep_nesting_is_written_in_several_chains() -> None:
    nodes = [Node("input", Input((5,)))]
    for k in range(300):
        nodes.append(Node(f"step{k}", ReLU(), (nodes[-1].name,)))
        nodes.append(Node(f"sum{k}", Add(), (f"step{k}", "input")))
    graph = Graph(tuple(nodes))
    written = text(graph)
    assert ";\n" in written
    assert parse(written) == graph


def test_every_layer_reading_all_before_it() -> None:
    nodes = [Node("input", Input((2, 5, 4)))]
    for k in range(40):
        inputs = tuple(node.name for node in nodes if node.name.startswith(("conv", "input")))
        nodes.append(Node(f"all{k}", Concat() if len(inputs) > 1 else ReLU(), inputs))
        nodes.append(Node(f"conv{k}", Conv(3, 3, padding="same"), (f"all{k}",)))
    graph = Graph(tuple(nodes))
    assert parse(text(graph)) == graph


def test_long_texts_are_broken_into_lines() -> None:
    written = text(parse(NETWORKS["googlenet"].notation))
    assert max(map(len, written.splitlines())) < 130
    assert written.count("\n") > 20


@pytest.mark.parametrize(
    "operator",
    [
        *map(specimen, OPERATORS),
        Conv(3, (1, 5), (2, 1), ((0, 1), (2, 0)), 2, 3, False),
        Conv(3, 5, 2, 7),
        Conv(3, padding="full"),
        Conv(2, 3, table=((1, 0, 1), (0, 1, 1))),
        Conv(2, 3, table=((1,), (1,))),
        Conv(16, 5, table="lenet5"),
        Dense(3, bias=False),
        Input((3,)),
        Dropout(0.1 + 0.2),
        Dropout(1e-17),
        MaxPool((3, 2), padding=1, ceil=True),
    ],
    ids=repr,
)
def test_operators_round_trip(operator: object) -> None:
    for axes in (0, 1, 2, 3):
        written = operator_text(operator, axes=axes)  # type: ignore[arg-type]
        assert parse_operator(written) == operator
    assert operator_text(parse_operator(operator_text(operator))) == operator_text(operator)  # type: ignore[arg-type]
