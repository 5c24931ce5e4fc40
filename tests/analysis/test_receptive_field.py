"""Receptive fields: against what really moves a unit, and against worked examples."""

from __future__ import annotations

import numpy as np
import pytest

from striate.analysis.receptive_field import receptive_fields
from striate.initialize import initialize
from striate.networks.vit import attention
from striate.notation import parse
from striate.reference import run


def _spans(text: str, name: str) -> list[tuple[int, int, int]]:
    field = receptive_fields(parse(text))[name]
    return [(span.size, span.stride, span.offset) for span in field.spans]


def test_a_unit_behind_two_convolutions_and_a_pool_by_hand() -> None:
    text = "INPUT 1x28x28 -> CONV 4 5x5 -> MAXPOOL 2 -> CONV 4 3x3 same"
    # 5, then 5 + 1 = 6 with stride 2, then 6 + 2·2 = 10, starting one pool before the edge.
    assert _spans(text, "pool1") == [(6, 2, 0)] * 2
    assert _spans(text, "conv2") == [(10, 2, -2)] * 2


def test_axes_have_their_own_windows() -> None:
    assert _spans("INPUT 1x20x30 -> CONV 2 3x5 stride=3x2 pad=1x0", "conv1") == [
        (3, 3, -1),
        (5, 2, 0),
    ]


def test_branches_span_the_widest() -> None:
    text = "INPUT 2x9x9 -> { CONV 3 1x1 | CONV 3 5x5 same | CONV 3 3x3 same } CONCAT"
    assert _spans(text, "concat1") == [(5, 1, -2)] * 2


def test_dense_layers_see_everything_before_them() -> None:
    assert _spans("INPUT 1x28x28 -> CONV 2 5x5 stride=2 -> FC 3", "fc1") == [(27, 2, 0)] * 2


def test_a_token_that_attends_sees_the_picture() -> None:
    """A score sees its two patches, which are no window; what sums over all of them sees all."""
    text = (
        f"INPUT 3x9x6 -> CONV 6 3x3 stride=3 -> RESHAPE 6x6 -> PERMUTE 1x0 -> {attention(6, 6, 3)}"
    )
    found = receptive_fields(parse(text))
    assert "different strides" in found["matmul1"].unknown
    assert [(span.size, span.count) for span in found["fc2"].spans] == [(9, 1), (6, 1)]


def test_a_signal_has_one_axis_and_plain_features_none() -> None:
    assert _spans("INPUT 1x100 -> CONV 2 7 stride=3", "conv1") == [(7, 3, 0)]
    assert _spans("INPUT 8 -> FC 3", "fc1") == []


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 1x11x13 -> CONV 2 3x2 stride=2x1 pad=1 -> AVGPOOL 2 -> CONV 3 2x2 dilation=1x2",
        "INPUT 2x9x12 -> { CONV 2 3x3 same | CONV 2 5x3 same } ADD -> AVGPOOL 3 stride=2",
        "INPUT 1x6x7 -> CONV 2 3x3 -> { PASS | GLOBALAVGPOOL -> CONV 2 1x1 -> SIGMOID } MUL",
        "INPUT 1x6x7 -> CONV 2 3x3 -> { PASS | GLOBALAVGPOOL } MUL -> CONV 2 2x2 -> MAXPOOL 2",
        "INPUT 1x9x8 -> CONV 2 2x2 -> RESIZE 0.5 -> CONV 2 2x2 -> AVGPOOL 2 stride=1",
        "INPUT 1x9x13 -> CONV 2 2x2 -> RESIZE 4x4 bilinear -> CONV 2 2x2",
        "INPUT 1x6x9 -> RESIZE 2x3 bicubic -> RESIZE 2x2 bilinear align_corners -> CONV 1 2x2",
    ],
)
def test_only_the_field_moves_a_unit_and_its_corners_do(text: str) -> None:
    graph = parse(text)
    weights = initialize(graph, seed=3)
    rng = np.random.default_rng(5)
    picture = rng.normal(size=graph.inputs[0].operator.size)
    name = graph.scores.name
    spans = receptive_fields(graph)[name].spans
    trace = run(graph, weights, picture)
    for unit in np.ndindex(*graph.specs[name].spatial):
        error = np.zeros_like(trace.values[name])
        error[(0, 0, *unit)] = 1.0
        moved = np.abs(trace.backward({name: error}).nodes["input"][0]).sum(axis=0) > 0
        seen = [span.of(0 if span.axis is None else u) for span, u in zip(spans, unit, strict=True)]
        for axis, positions in enumerate(seen):
            where = np.flatnonzero(moved.any(axis=1 - axis))
            inside = [p for p in positions if 0 <= p < moved.shape[axis]]
            assert (where.min(), where.max()) == (inside[0], inside[-1])


@pytest.mark.parametrize(
    "after",
    [
        "LRN 3",
        "MAXOUT 3",
        "SLICE 0 2 axis=0 -> GLU axis=0",
        "{ PASS | FC 3 axis=1 } CONCAT axis=0",
        "LAYERNORM axis=0 affine=no",
        "L2NORM axis=0",
    ],
)
def test_where_the_steps_stand_first_what_reads_several_channels_sees_several_steps(
    after: str,
) -> None:
    graph = parse(f"INPUT 3x9 -> PERMUTE 1x0 -> {after}")
    weights, x = initialize(graph), np.random.default_rng(3).normal(size=(1, 3, 9))
    name = graph.scores.name
    (span,) = receptive_fields(graph)[name].spans
    before = run(graph, weights, x).values[name][0]
    for step in range(9):
        changed = x.copy()
        changed[..., step] += (9, -5, 7)
        moved = (run(graph, weights, changed).values[name][0] != before).any(axis=1)
        seen = [step in span.of(unit) for unit in range(len(moved))]
        if span.axis is None:
            assert moved.all() == (span.size == 9)
        elif span.even:
            assert moved.tolist() == seen
        else:
            assert moved.sum() > 1 == span.size


def test_behind_a_gate_every_unit_sees_the_picture_and_no_more() -> None:
    gate = "{ PASS | GLOBALAVGPOOL -> CONV 2 1x1 -> SIGMOID } MUL"
    fields = receptive_fields(parse(f"INPUT 1x6x6 -> CONV 2 3x3 -> [{gate} -> RELU]*3 -> FC 2"))
    assert [span.size for span in fields["conv1"].spans] == [3, 3]
    for name in ("mul1", "mul3", "fc1"):
        assert [(span.size, span.offset) for span in fields[name].spans] == [(6, 0)] * 2, name
