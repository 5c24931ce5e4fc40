"""Names that are given, and FLATTEN where FC needs it."""

from __future__ import annotations

import pytest

from striate import ops
from striate.errors import GraphError, ShapeError
from striate.graph import Assembly, Auxiliary, Operator, Spec


def chained(*operators: Operator | tuple[str, Operator]) -> Assembly:
    assembly, last = Assembly(), ()
    for each in operators:
        name, operator = each if isinstance(each, tuple) else ("", each)
        last = (assembly.add(operator, last, name),)
    return assembly


def names(assembly: Assembly) -> list[str]:
    return [node.name for node in assembly.graph()]


def test_nodes_are_counted_by_kind() -> None:
    assembly = chained(
        ops.Input((1, 12, 13)), ops.Conv(2, 3), ops.ReLU(), ops.Conv(2, 3), ops.MaxPool(2)
    )
    assert names(assembly) == ["input", "conv1", "relu1", "conv2", "pool1"]


def test_both_kinds_of_pooling_share_their_numbers() -> None:
    assembly = chained(ops.Input((1, 12, 13)), ops.MaxPool(2), ops.AveragePool(2), ops.MaxPool(2))
    assert names(assembly) == ["input", "pool1", "pool2", "pool3"]


def test_a_given_name_takes_no_number_and_is_not_taken() -> None:
    assembly = chained(
        ops.Input((1, 12, 13)), ("C1", ops.Conv(2, 3)), ("conv1", ops.Conv(2, 3)), ops.Conv(2, 3)
    )
    assert names(assembly) == ["input", "C1", "conv1", "conv2"]


def test_input_and_loss_have_no_number() -> None:
    assembly = chained(ops.Input((3,)), ops.Dense(2), ops.CrossEntropy())
    assert names(assembly) == ["input", "fc1", "loss"]
    assert chained(ops.Input((3,))).fresh(ops.Input((3,))) == "input2"


def test_flatten_is_put_before_a_dense_layer() -> None:
    assembly = chained(ops.Input((2, 5, 4)), ops.Dense(3), ops.Dense(2))
    assert names(assembly) == ["input", "flatten1", "fc1", "fc2"]
    assert assembly.spec("flatten1") == Spec((40,))


def test_flatten_is_not_put_before_a_dense_layer_along_an_axis() -> None:
    assembly = chained(ops.Input((2, 5, 4)), ops.Dense(3, axis="last"), ops.Dense(7, axis=0))
    assert names(assembly) == ["input", "fc1", "fc2"]
    assert assembly.spec("fc2") == Spec((7, 5, 3))
    assert {w.shape for w in ops.Dense(3, axis="row").weights(Spec((2, 5, 4))).values()} == {
        (3, 5),
        (3,),
    }
    with pytest.raises(ShapeError, match="names the axis rows"):
        assembly.add(ops.Dense(3, axis="rows"), ["input"])


def test_flatten_is_not_put_twice() -> None:
    assert names(chained(ops.Input((2, 5, 4)), ops.Flatten(), ops.Dense(3))) == [
        "input",
        "flatten1",
        "fc1",
    ]


def test_what_does_not_fit_is_refused_at_once() -> None:
    with pytest.raises(ShapeError) as caught:
        chained(ops.Input((1, 4, 4)), ("C1", ops.Conv(2, 3)), ops.Conv(2, 5))
    assert caught.value.what == "the 5x5 window of conv1 does not fit its 2x2 input (no padding)"
    assert caught.value.where == "1x4x4 -> C1 2x2x2 -> conv1"


def test_exits_leave() -> None:
    assembly = chained(ops.Input((3,)), ("side", ops.Dense(2)))
    assembly.add(ops.Dense(2), ["side"])
    assembly.exit("side", 0.3)
    assert assembly.graph().auxiliary == (Auxiliary("side", 0.3),)
    assert "side" in assembly
    assert "head" not in assembly


def test_nothing_added_is_no_network() -> None:
    with pytest.raises(GraphError, match="needs at least an input"):
        Assembly().graph()
