from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agreement import alone, assert_agrees
from striate.errors import GraphError, SettingError, ShapeError
from striate.graph import Operator, Spec
from striate.ops import (
    RBF,
    Add,
    AveragePool,
    BatchNorm,
    Concat,
    Conv,
    CrossEntropy,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Multiply,
    ReLU,
    Resize,
    Sigmoid,
    Softmax,
    Subsample,
    Tanh,
    TransposedConv,
)
from striate.pytorch.modules import recipe


def sizes(least: int, most: int, rank: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*[st.integers(least, most)] * rank)


def paddings(rank: int) -> st.SearchStrategy[object]:
    pair = st.tuples(st.integers(0, 2), st.integers(0, 2))
    words = st.sampled_from(["valid", "same", "full"])
    return words | st.integers(0, 3) | st.tuples(*[pair] * rank)


@st.composite
def maps(draw: st.DrawFn, rank: int, channels: int) -> Spec:
    return Spec((channels, *(draw(st.integers(5 + 2 * k, 6 + 2 * k)) for k in range(rank))))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 2), st.integers(1, 3))
def test_convolutions_agree(data: st.DataObject, rank: int, groups: int) -> None:
    conv = Conv(
        groups * data.draw(st.integers(1, 3)),
        data.draw(sizes(1, 4, rank)),
        stride=data.draw(sizes(1, 3, rank)),
        padding=data.draw(paddings(rank)),
        dilation=data.draw(sizes(1, 2, rank)),
        groups=groups,
        bias=data.draw(st.booleans()),
    )
    agrees_if_legal(conv, data.draw(maps(rank, groups * data.draw(st.integers(1, 2)))))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 2))
def test_max_pools_agree(data: st.DataObject, rank: int) -> None:
    pool = MaxPool(
        data.draw(sizes(1, 4, rank)),
        stride=data.draw(st.none() | sizes(1, 3, rank)),
        padding=data.draw(paddings(rank)),
        dilation=data.draw(sizes(1, 2, rank)),
        ceil=data.draw(st.booleans()),
    )
    agrees_if_legal(pool, data.draw(maps(rank, 2)))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 2))
def test_average_pools_agree(data: st.DataObject, rank: int) -> None:
    pool = AveragePool(
        data.draw(sizes(1, 4, rank)),
        stride=data.draw(st.none() | sizes(1, 3, rank)),
        padding=data.draw(paddings(rank)),
        ceil=data.draw(st.booleans()),
        include_padding=data.draw(st.booleans()),
        divisor=data.draw(st.none() | st.integers(1, 5)),
        dilation=data.draw(sizes(1, 2, rank)),
    )
    agrees_if_legal(pool, data.draw(maps(rank, 2)))


def agrees_if_legal(operator: Operator, spec: Spec) -> None:
    try:
        alone(operator, spec)
    except (ShapeError, SettingError):
        return  # the operator says no; its own tests look at how
    assert_agrees(operator, spec)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize(
    "operator", [ReLU(), Sigmoid(), Tanh(), Softmax(), Flatten(), Dropout(0.3)], ids=str
)
def test_plain_operators_agree(operator: Operator, shape: tuple[int, ...]) -> None:
    assert_agrees(operator, Spec(shape))


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 5)])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_agrees(shape: tuple[int, ...], training: bool) -> None:
    assert_agrees(BatchNorm(epsilon=0.01, momentum=0.3), Spec(shape), training=training)


@pytest.mark.parametrize("branches", [2, 3])
@pytest.mark.parametrize("operator", [Add(), Multiply(), Concat()], ids=str)
def test_merges_agree(operator: Operator, branches: int) -> None:
    assert_agrees(operator, *[Spec((2, 3, 5))] * branches)


def test_concat_joins_different_channels() -> None:
    assert_agrees(Concat(), Spec((2, 3, 5)), Spec((4, 3, 5)), Spec((1, 3, 5)))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("shape", "kernel"), [((3, 9), 2), ((3, 6, 9), (3, 2))])
def test_convolutions_by_a_table_agree(
    shape: tuple[int, ...], kernel: int | tuple[int, ...], bias: bool
) -> None:
    table = ((1, 0, 1), (0, 1, 0), (1, 1, 1), (0, 0, 1))
    conv = Conv(4, kernel, stride=2, padding="same", dilation=2, bias=bias, table=table)
    assert_agrees(conv, Spec(shape))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 2), st.integers(1, 3))
def test_transposed_convolutions_agree(data: st.DataObject, rank: int, groups: int) -> None:
    stride = data.draw(sizes(1, 3, rank))
    conv = TransposedConv(
        groups * data.draw(st.integers(1, 3)),
        data.draw(sizes(1, 4, rank)),
        stride=stride,
        padding=data.draw(paddings(rank)),
        output_padding=tuple(data.draw(st.integers(0, step - 1)) for step in stride),
        dilation=data.draw(sizes(1, 2, rank)),
        groups=groups,
        bias=data.draw(st.booleans()),
    )
    agrees_if_legal(conv, data.draw(maps(rank, groups * data.draw(st.integers(1, 2)))))


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize(("shape", "kernel"), [((3, 9), 2), ((3, 6, 9), (3, 2))])
def test_subsampling_agrees(
    shape: tuple[int, ...], kernel: int | tuple[int, ...], mean: bool
) -> None:
    assert_agrees(Subsample(kernel, 2, mean), Spec(shape))


def test_rbf_units_agree() -> None:
    assert_agrees(RBF(7), Spec((84,)))


@pytest.mark.parametrize("bias", [True, False])
def test_dense_layers_agree(bias: bool) -> None:
    assert_agrees(Dense(5, bias=bias), Spec((7,)))


@pytest.mark.parametrize("size", [123, 124])
def test_the_nearest_cells_are_the_same_in_both_float_types(size: int) -> None:
    """In float32 PyTorch's own layer takes cell 1 of 3 for number 82 of 123: 82 · (3 / 123) < 2."""
    graph = alone(Resize(size=(size,)), Spec((1, 3)))
    made = recipe(graph, graph["it"])
    assert (made.kind is torch.nn.Upsample) == (size != 123)
    cells = made.module()(torch.arange(3.0).reshape(1, 1, 3)).flatten()
    assert cells.tolist() == [k * 3 // size for k in range(size)]


def test_usual_settings_make_torchs_own_classes() -> None:
    graph = alone(Conv(6, (5, 3), stride=2, padding=2), Spec((3, 9, 11)))
    made = recipe(graph, graph["it"])
    assert str(made) == "nn.Conv2d(3, 6, (5, 3), stride=2, padding=2)"
    assert type(made.module()) is torch.nn.Conv2d


def test_a_loss_has_no_module() -> None:
    graph = alone(CrossEntropy(), Spec((5,)))
    with pytest.raises(GraphError, match=r"it \(CrossEntropy\) has no PyTorch module"):
        recipe(graph, graph["it"])
