"""Two networks side by side: what is called a change, what is not, and where numbers part."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import striate
from striate.analysis.compare.comparison import Comparison, compare
from striate.errors import StriateError
from striate.exchange.onnx_out import onnx_bytes
from striate.initialize import initialize
from striate.lookup import explainable_of
from striate.networks import NETWORKS
from striate.notation import parse
from striate.passes.fold import folded

PLAIN = "INPUT 1x12x12 -> CONV 4 3x3 same -> RELU -> MAXPOOL 2 -> CONV 6 3x3 -> RELU -> FC 5"
NORMED = (
    "INPUT 3x8x8 -> CONV 4 3x3 same bias=no -> BN -> RELU"
    " -> { CONV 4 3x3 same -> BN -> RELU -> CONV 4 3x3 same bias=no -> BN"
    " | CONV 4 1x1 bias=no -> BN } ADD -> RELU -> GLOBALAVGPOOL -> DROPOUT 0.5 -> FC 5"
)

Weights = dict[str, dict[str, Any]]


def _weights(text: str) -> Weights:
    """First weights, with statistics as training leaves them."""
    rng = np.random.default_rng(0)
    found = initialize(parse(text))
    for own in found.values():
        for name in own.keys() & {"running_mean", "running_var"}:
            own[name] = rng.uniform(0.5, 1.5, own[name].shape).astype(np.float32)
    return found


def _said(answer: Comparison) -> list[tuple[str, str | None, str | None]]:
    return [(each.kind, each.a, each.b) for each in answer.changes]


def test_a_network_and_itself() -> None:
    answer = compare((PLAIN, _weights(PLAIN)), (PLAIN, _weights(PLAIN)))
    assert (answer.ok, answer.changes, answer.first) == (True, (), None)
    assert {each.largest for each in answer.differences} == {0.0}
    assert [each.node for each in answer.differences][-1] == "fc1"
    assert compare(PLAIN, PLAIN).differences == ()
    assert "the first and the second have no weights" in str(compare(PLAIN, PLAIN))


@pytest.mark.parametrize(
    ("other", "changes"),
    [
        (PLAIN.replace("CONV 6 3x3", "CONV 6 5x5"), [("changed", "conv2", "conv2"),
                                                     ("changed", "fc1", "fc1")]),
        (PLAIN.replace("RELU -> MAX", "GELU -> MAX"), [("changed", "relu1", "gelu1")]),
        (PLAIN.replace("-> CONV 6", "-> CONV 4 3x3 same -> RELU -> CONV 6"),
         [("added", None, "conv2"), ("added", None, "relu2")]),
        (PLAIN.replace(" -> MAXPOOL 2", ""), [("removed", "pool1", None),
                                              ("changed", "fc1", "fc1")]),
        (PLAIN.replace("1x12x12", "1x14x14"), [("changed", "input", "input"),
                                               ("changed", "fc1", "fc1")]),
        (PLAIN.replace("3x3 same", "3x3 pad=1"), []),
        (PLAIN.replace("FC 5", "DROPOUT 0.5 -> FC 5"), [("folded", None, "dropout1")]),
        (f"{PLAIN} -> CROSSENTROPY", []),
    ],
)  # fmt: skip
def test_what_changed(other: str, changes: list[Any]) -> None:
    answer = compare(PLAIN, other)
    assert _said(answer) == changes
    assert answer.ok is all(kind == "folded" for kind, *_ in changes)
    turned = {"added": "removed", "removed": "added"}
    back = [(turned.get(kind, kind), b, a) for kind, a, b in changes]
    assert _said(compare(other, PLAIN)) == back


def test_what_a_node_reads_is_a_change() -> None:
    one = "INPUT 2x6x6 -> a: CONV 2 1x1 -> b: RELU -> { c: CONV 2 1x1 | PASS } ADD -> FC 3"
    two = "INPUT 2x6x6 -> a: CONV 2 1x1 -> { b: RELU -> c: CONV 2 1x1 | PASS } ADD -> FC 3"
    (change,) = compare(one, two).changes
    assert (change.kind, change.a, change.what) == ("changed", "add1", "reads c, a instead of c, b")
    turned = one.replace("{ c: CONV 2 1x1 | PASS }", "{ PASS | c: CONV 2 1x1 }")
    assert compare(one, turned).ok


def test_a_block_more_is_all_that_is_added() -> None:
    block = "{ CONV 4 3x3 same -> RELU | PASS } ADD"
    text = "INPUT 4x6x6 -> [" + block + "]*%d -> { CONV 8 1x1 | CONV 8 1x1 } ADD -> FC 3"
    answer = compare(text % 2, text % 3)
    assert sorted(each.what.split()[0].strip(",") for each in answer.changes) == [
        "ADD",
        "CONV",
        "RELU",
    ]
    assert {each.kind for each in answer.changes} == {"added"}


@pytest.mark.parametrize("turned", [False, True])
def test_batch_normalization_that_is_folded_is_no_difference(turned: bool) -> None:
    graph, weights = parse(NORMED), _weights(NORMED)
    pair = (graph, weights), folded(graph, weights)
    answer = compare(*reversed(pair) if turned else pair)
    assert answer.ok
    assert [c.kind for c in answer.changes] == ["folded"] * 5
    kept = [(c.b, c.a) if turned else (c.a, c.b) for c in answer.changes]
    assert sorted(kept, key=str) == [
        ("bn1", "conv1"), ("bn2", "conv2"), ("bn3", "conv3"), ("bn4", "conv4"),
        ("dropout1", None),
    ]  # fmt: skip
    assert compare(NORMED, folded(graph, weights)).ok  # by structure alone
    assert max(each.relative for each in answer.differences) < 1e-6


def test_batch_normalization_that_is_folded_wrongly_is_found() -> None:
    graph, weights = parse(NORMED), _weights(NORMED)
    other, changed = folded(graph, weights)
    changed["conv3"]["bias"] = changed["conv3"]["bias"] + 0.5
    answer = compare((graph, weights), (other, changed))
    assert not answer.ok
    assert answer.first is not None
    assert (answer.first.node, answer.first.other) == ("bn3", "conv3")
    assert answer.first.largest == pytest.approx(0.5, rel=1e-5)
    assert answer.first.mean == pytest.approx(0.5, rel=1e-5)


def test_a_normalization_that_is_gone_is_a_change() -> None:
    text = "INPUT 1x6x6 -> CONV 2 3x3 bias=no -> {} RELU -> FC 3"
    graph, other = parse(text.format("BN ->")), parse(text.format(""))
    assert _said(compare(graph, other)) == [("removed", "bn1", None)]
    weights = _weights(str(graph))
    rest = {name: own for name, own in weights.items() if name != "bn1"}
    answer = compare((graph, weights), (other, rest))
    assert _said(answer) == [("removed", "bn1", None)]
    assert answer.first is not None
    assert answer.first.node == "relu1"


def test_another_activation_is_a_change_where_the_numbers_behind_it_part() -> None:
    other = PLAIN.replace("RELU -> MAX", "GELU -> MAX")
    answer = compare((PLAIN, _weights(PLAIN)), (other, _weights(PLAIN)))
    assert _said(answer) == [("changed", "relu1", "gelu1")]
    assert answer.first is not None
    assert answer.first.node == "relu1"
    assert compare((PLAIN, _weights(PLAIN)), (other, _weights(PLAIN)), tolerance=1.0).ok


def test_one_weight_that_is_changed_is_found() -> None:
    one, two = _weights(PLAIN), _weights(PLAIN)
    two["conv2"]["weight"][3, 2, 1, 0] += 0.25
    x = np.zeros((1, 12, 12))
    x[0, 6, 4] = 1.0
    answer = compare((PLAIN, one), (PLAIN, two), picture=x)
    assert not answer.ok
    assert answer.first is not None
    graph = parse(PLAIN)
    pooled = np.asarray(striate.why((graph, one), x, "pool1[2,3,2]").value)
    found = {each.node: each for each in answer.differences}
    assert answer.first.node == "conv2"
    assert found["conv2"].largest == pytest.approx(0.25 * float(pooled), rel=1e-9)
    assert found["pool1"].largest == 0
    assert compare((PLAIN, one), (PLAIN, two), picture=x, tolerance=1.0).ok


@pytest.mark.parametrize("name", ["mnist_plain", "lenet5", "shufflenet_v2_x1_0"])
def test_a_network_and_its_own_onnx(name: str, tmp_path: Path) -> None:
    network = explainable_of(NETWORKS[name].small or name)
    path = tmp_path / "own.onnx"
    path.write_bytes(onnx_bytes(network.onnx(raw=True)))
    answer = compare(network, path)
    assert answer.ok, str(answer)
    assert {each.kind for each in answer.changes} <= {"folded"}
    assert answer.differences[-1].node == network.graph.scores.name
    weights = copy.deepcopy(dict(network.weights))
    last = [node.name for node in network.graph if network.graph.own_weights(node)][-1]
    weights[last]["bias"] = weights[last]["bias"] + 1
    spoiled = compare((network.graph, weights), path)
    assert not spoiled.ok
    assert spoiled.first is not None
    assert spoiled.first.node == last


class Normed(nn.Module):
    """Convolutions with batch normalization, which an exporter folds."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(6, 6, 3), nn.BatchNorm2d(6), nn.Hardswish())
        self.head = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(self.stem(x)).mean((2, 3)))


@pytest.mark.filterwarnings("ignore")
def test_a_captured_module_and_its_folded_onnx(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = Normed().eval()
    for name, tensor in module.named_buffers():
        if "running" in name:
            tensor.uniform_(0.5, 1.5)
    path = tmp_path / "normed.onnx"
    torch.onnx.export(module, (torch.zeros(1, 3, 9, 9),), str(path), dynamo=False)
    captured = striate.capture(module, (3, 9, 9))
    answer = compare(captured, path)
    assert answer.ok, str(answer)
    names = [(each.a, each.b) for each in answer.changes if "BN" in each.what]
    assert names == [("stem.1", "stem.0"), ("body.1", "body.0")]
    module.body[0].weight.data[0] *= 1.01
    assert compare(striate.capture(module, (3, 9, 9)), path).first.node == "body.1"  # type: ignore[union-attr]


def test_another_kernel_is_a_change_even_where_the_picture_hides_it() -> None:
    other = PLAIN.replace("4 3x3 same", "4 5x5 same")
    black = np.zeros((1, 12, 12))
    weights = _weights(PLAIN), {**_weights(PLAIN), "conv1": _weights(other)["conv1"]}
    answer = compare((PLAIN, weights[0]), (other, weights[1]), picture=black)
    assert (answer.ok, answer.first, _said(answer)) == (
        False,
        None,
        [("changed", "conv1", "conv1")],
    )


def test_other_sizes_are_said_and_not_run() -> None:
    other = PLAIN.replace("1x12x12", "1x14x14")
    answer = compare((PLAIN, _weights(PLAIN)), (other, _weights(other)))
    assert (answer.ok, answer.differences) == (False, ())
    assert answer.input == "Numbers are not compared: the first takes 1x12x12, the second 1x14x14."


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tolerance": -1.0}, "tolerance is -1.0"),
        ({"tolerance": float("nan")}, "tolerance is nan"),
        ({"picture": np.zeros((1, 12, 12))}, "the picture is not used: the second has no weights"),
        ({"weights": "none.pth"}, "none.pth is missing"),
    ],
)
def test_what_cannot_be_asked(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(StriateError, match=said):
        compare((PLAIN, _weights(PLAIN)), PLAIN, **settings)
    both = (PLAIN, _weights(PLAIN)), (PLAIN, _weights(PLAIN))
    with pytest.raises(StriateError, match="both networks have their own"):
        compare(*both, weights="none.pth")
    with pytest.raises(StriateError, match="the array is 3x12x12"):
        compare(*both, picture=np.zeros((3, 12, 12)))


def test_weights_that_are_no_numbers_part_at_once() -> None:
    broken = _weights(PLAIN)
    broken["conv1"]["bias"][0] = np.nan
    answer = compare((PLAIN, _weights(PLAIN)), (PLAIN, broken))
    assert answer.first is not None
    assert (answer.first.node, answer.first.largest) == ("conv1", float("inf"))
