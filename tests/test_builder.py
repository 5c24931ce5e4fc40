"""Networks written in Python are the networks of the text, names included."""

from __future__ import annotations

import inspect

import pytest

from striate import builder
from striate.builder import (
    GRU,
    LSTM,
    RNN,
    Add,
    At,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    ExitPart,
    Flatten,
    Input,
    MaskedSoftmax,
    MaxPool,
    Multiply,
    Part,
    Pass,
    ReLU,
    Tanh,
)
from striate.errors import GraphError, SettingError, ShapeError
from striate.graph import Operator
from striate.notation import parse
from striate.ops import OPERATORS


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (
            Input(1, 28, 28)
            >> (Conv(32, 5, padding="same") >> ReLU() >> MaxPool(2)) * 2
            >> Dense(10),
            "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 10",
        ),
        (Input(7) >> Dense(3, bias=False), "INPUT 7 -> FC 3 bias=no"),
        (Input(2, 100) >> Conv(8, 5) >> Flatten(), "INPUT 2x100 -> CONV 8 5 -> FLATTEN"),
        (
            Input(1, 9, 9) >> Conv(6, 3).named("C1") >> Dense(10) >> CrossEntropy(0.1),
            "INPUT 1x9x9 -> C1: CONV 6 3x3 -> FC 10 -> CROSSENTROPY smoothing=0.1",
        ),
        (
            Input(4, 9, 8) >> builder.GroupNorm(2) >> builder.LayerNorm("1 2", affine=False),
            'INPUT 4x9x8 -> GROUPNORM 2 -> LAYERNORM axis="1 2" affine=no',
        ),
        (
            Input(2, 6, 5) >> Concat(Conv(3, 1) >> ReLU(), Pass()).named("both") >> Dropout(0.25),
            "INPUT 2x6x5 -> { CONV 3 1x1 -> RELU | PASS } both: CONCAT -> DROPOUT 0.25",
        ),
        (
            Input(2, 6, 5) >> 3 * Add(BatchNorm() >> Tanh(), Pass()),
            "INPUT 2x6x5 -> [{ BN -> TANH | PASS } ADD]*3",
        ),
        (
            Input(5) >> ReLU().named("a") >> Tanh() >> Multiply(At("a"), Pass(), At("tanh1")),
            "INPUT 5 -> a: RELU -> TANH -> { @a | PASS | @tanh1 } MUL",
        ),
        (
            Input(2, 6, 5) >> ExitPart(AveragePool(2) >> Dense(3).named("side"), 0.3) >> Dense(4),
            "INPUT 2x6x5 -> { AVGPOOL 2 -> side: FC 3 } AUX 0.3 -> FC 4",
        ),
        (
            Input(5, 4).named("a") >> MaskedSoftmax(causal=True) >> MaskedSoftmax(Pass(), At("a")),
            "a: INPUT 5x4 -> MASKEDSOFTMAX causal -> { PASS | @a } MASKEDSOFTMAX",
        ),
        (Add(Input(5), Input(7).named("b") >> Dense(5)), "{ INPUT 5 | b: INPUT 7 -> FC 5 } ADD"),
        (Input(5) >> (Dense(5).named("a") >> ReLU()) * 3, "INPUT 5 -> [a: FC 5 -> RELU]*3"),
        (
            Input(5) >> (Dense(5).named("a") >> Add(At("a"), ReLU())) * 2 >> Add(At("a"), Pass()),
            "INPUT 5 -> [a: FC 5 -> { @a | RELU } ADD]*2 -> { @a | PASS } ADD",
        ),
        (
            Input(3, 5) >> GRU(Pass(), LSTM(4, last=True), 4) >> RNN(2, nonlinearity="relu"),
            "INPUT 3x5 -> { PASS | LSTM 4 last } GRU 4 -> RNN 2 nonlinearity=relu",
        ),
    ],
    ids=str,
)
def test_equal_to_the_text(part: Part, text: str) -> None:
    assert part.graph() == parse(text)


def test_a_variable_used_twice_stands_for_two_nodes() -> None:
    layer = Dense(5)
    graph = (Input(5) >> layer >> layer).graph()
    assert [node.name for node in graph] == ["input", "fc1", "fc2"]


def test_order_of_joining_does_not_matter() -> None:
    a, b, c = Input(5), Dense(4), ReLU()
    assert (a >> b >> c).graph() == (a >> (b >> c)).graph()


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.__name__)
def test_every_operator_can_be_built(operator: type[Operator]) -> None:
    maker = getattr(builder, operator.__name__)
    if operator.arity == (1, 1):
        assert inspect.signature(maker) == inspect.signature(operator)


def test_makers_tell_about_themselves() -> None:
    assert Conv.__name__ == "Conv"
    assert (Conv.__doc__ or "").startswith("Convolution over")
    assert repr(Conv(16, 5).named("C3") >> ReLU()) == "Conv(out_channels=16, kernel=5) >> ReLU()"


def test_a_window_that_does_not_fit() -> None:
    net = Input(1, 28, 28) >> Conv(6, 5) >> MaxPool(2) >> Conv(16, 15)
    with pytest.raises(ShapeError) as caught:
        net.graph()
    assert caught.value.what.startswith("the 15x15 window of conv2 does not fit")
    assert caught.value.where.splitlines() == [
        "Conv(out_channels=16, kernel=15)",
        "1x28x28 -> conv1 6x24x24 -> pool1 6x12x12 -> conv2",
    ]


def test_two_numbers_on_one_axis() -> None:
    with pytest.raises(ShapeError, match="kernel of Conv has 2 numbers, but its 1x28 input"):
        (Input(1, 28) >> Conv(6, (5, 5))).graph()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Conv(6, strude=2), "Did you mean stride"),  # type: ignore[call-arg]
        (lambda: Conv(), "Conv needs out_channels"),  # type: ignore[call-arg]
        (lambda: Conv("6"), "out_channels of Conv is '6'"),  # type: ignore[arg-type]
        (lambda: Conv(6, 5, kernel=5), "kernel of Conv is given twice"),  # type: ignore[misc]
        (lambda: ReLU(1), "ReLU takes 0 settings, not 1"),  # type: ignore[call-arg]
        (lambda: Dropout(True), "rate of Dropout is True"),
        (lambda: Input(), "an input of nothing is empty"),
        (lambda: Add(ReLU()), "Add merges 2 or more branches, not 1"),
        (lambda: Add(ReLU, Pass()), r"Write ReLU\(…\)"),  # type: ignore[arg-type]
        (lambda: ReLU() >> 5, "5 is no part of a network"),  # type: ignore[operator]
        (lambda: ExitPart(ReLU, 0.3), r"Write ReLU\(…\)"),  # type: ignore[arg-type]
        (lambda: ExitPart(ReLU(), 0), "multiplied by 0"),
        (lambda: ReLU() * -1, "cannot be repeated -1 times"),
        (lambda: ReLU() * 0, "cannot be repeated 0 times"),
        (lambda: Pass() * 3, "does nothing, however often"),
        (lambda: ReLU() * 2.5, "cannot be repeated 2.5 times"),  # type: ignore[operator]
        (lambda: (ReLU() * 1000) * 1000, "more than 30,000"),
        (lambda: (ReLU() >> Tanh()).named("a"), "no single operator"),
    ],
)  # fmt: skip
def test_settings_that_mean_nothing(wrong: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        wrong()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (ReLU() >> ReLU(), r"nothing reaches ReLU\(\)"),
        (Pass(), "needs at least an input"),
        (ExitPart(Pass()), "nothing reaches Auxiliary"),
        (Input(5) >> Input(6), "can only start a chain"),
        (Input(5) >> ReLU() >> At("input"), "can only start a chain"),
        (Input(5) >> Add(At("inptu"), Pass()), "Did you mean input?"),
        (Input(5) >> ReLU().named("a") >> Tanh().named("a"), "two nodes are called a"),
        (Input(5) >> ReLU().named("a b"), "'a b' is not a name"),
        (Input(5) >> CrossEntropy() >> ReLU(), "comes after a loss"),
        (Input(5) >> ExitPart(Dense(3)), "depends on the output input"),
    ],
    ids=str,
)
def test_parts_that_make_no_network(part: Part, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        part.graph()
