"""ONNX files that are written: what another runtime computes from them, and what they say."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime

import striate
from promises import Case, cases
from striate import ops
from striate.analysis.onnx_check import check_onnx
from striate.data import Preprocessing, load
from striate.errors import OnnxError
from striate.exchange.onnx import read_onnx
from striate.exchange.onnx_out import onnx_bytes, onnx_model, writing
from striate.exchange.onnx_out.writing import ROWS
from striate.graph import Graph, Node, Operator
from striate.initialize import initialize
from striate.lookup import Weighted
from striate.model import Model
from striate.networks import NETWORKS
from striate.notation import parse
from striate.ops import OPERATORS
from striate.ops.output.bitmaps import codes
from striate.reference import run
from striate.training import train

WRITTEN = [kind for kind in OPERATORS if kind in ROWS]
WITHOUT = {ops.Opaque}
"""Operators that no ONNX file holds: what others compute."""


def test_every_operator_has_a_row_or_is_named_here() -> None:
    """Losses are not part of what predicts; inputs are the file's own."""
    written = {kind for kind in OPERATORS if not kind.is_loss and not kind.is_input}
    assert written - set(ROWS) == WITHOUT, "add a row to striate/exchange/onnx_out, or name it"


@pytest.mark.parametrize("kind", WRITTEN, ids=lambda kind: kind.__name__)
@given(st.data())
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_another_runtime_computes_what_the_formulas_say(
    kind: type[Operator], data: st.DataObject
) -> None:
    case = data.draw(cases(kind, training=False, dtype=np.float32))
    graph, entering = _alone(case)
    answer = _run(onnx_model(graph, {"it": case.call.weights}), entering)
    scale = max(1.0, float(np.abs(case.call.y).max(initial=0.0)))
    assert answer.shape == case.call.y.shape
    np.testing.assert_allclose(answer / scale, case.call.y / scale, rtol=0, atol=1e-5)


LARGE = ("alexnet", "convnext", "resnet", "vgg", "zfnet", "regnet")
"""Networks of the catalog whose weights take seconds to draw."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * name.startswith(LARGE) * (name != "resnet18"))
        for name in NETWORKS
    ],
)
def test_every_network_of_the_catalog_leaves_as_it_is(name: str, tmp_path: Path) -> None:
    graph = parse(NETWORKS[name].small or NETWORKS[name].notation)
    subject = Weighted(graph, initialize(graph))
    (tmp_path / "net.onnx").write_bytes(onnx_bytes(subject.onnx()))
    checked = check_onnx(tmp_path / "net.onnx", subject, raw=True)
    assert checked.ok, checked.headline


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small network that has learned the digits a little."""
    folder = tmp_path_factory.mktemp("onnx") / "run"
    train("INPUT 1x8x8 -> CONV 4 3x3 -> BN -> RELU -> FC 10", "digits", run=folder, epochs=1)
    return Model.load(folder)


def test_a_picture_goes_in_and_probabilities_come_out(model: Model, tmp_path: Path) -> None:
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    for path in (first, second):
        model.to_onnx(path)
    assert first.read_bytes() == second.read_bytes()
    pictures = load("digits").test.images[:20]
    found = _run(onnx.load(first), {"picture": pictures}, "probabilities")
    for row, said in zip(found, model.predict(list(pictures)), strict=True):
        shares = dict(said.ranking)
        np.testing.assert_allclose(row, [shares[name] for name in model.classes], atol=1e-6)
        assert model.classes[row.argmax()] == said.label


def test_the_file_says_what_it_is(model: Model) -> None:
    made = model.onnx()
    known = {each.key: each.value for each in made.metadata_props}
    assert json.loads(known["classes"]) == list(model.classes)
    assert Preprocessing.from_dict(json.loads(known["preprocessing"])) == model.preprocessing
    assert parse(known["network"]) == model.graph
    assert known["striate"] == made.producer_version == striate.__version__
    assert [each.version for each in made.opset_import] == [17]
    shapes = [each.type.tensor_type.shape.dim for each in (*made.graph.input, *made.graph.output)]
    assert [(dim[0].dim_param, *(d.dim_value for d in dim[1:])) for dim in shapes] == [
        ("N", 1, 8, 8),
        ("N", 10),
    ]
    named = {node.name for node in made.graph.node} | {"input"}
    assert {node.name for node in model.graph.upto(model.graph.scores.name)} <= named


@pytest.mark.parametrize("last", ["", " -> SOFTMAX"])
def test_probabilities_by_hand(last: str) -> None:
    """Scores ln 2, 0, 0: of a black pixel, which enters as (0 - 0.5) / 0.25 = -2."""
    graph = parse(f"INPUT 1x1x1 -> FC 3{last}")
    own = {
        "weight": np.array([[0.0], [-0.5], [-0.5]]),
        "bias": np.array([np.log(2), -1.0, -1.0]),
    }
    model = Model(graph, {"fc1": own}, ("a", "b", "c"), Preprocessing(1, 1, 1, (0.5,), (0.25,)))
    found = _run(model.onnx(), {"picture": np.zeros((1, 1, 1, 1), dtype=np.uint8)})
    np.testing.assert_allclose(found, [[0.5, 0.25, 0.25]], atol=1e-6)


def test_penalties_are_negative_logarithms() -> None:
    graph = parse("INPUT 1x7x12 -> RBF 2")
    model = Model(graph, {}, ("0", "1"), Preprocessing(1, 7, 12, (0.5,), (0.5,)))
    picture = np.where(codes()[1] > 0, 255, 0).astype(np.uint8).reshape(1, 1, 7, 12)
    assert _run(model.onnx(), {"picture": picture})[0].argmax() == 1


def test_shared_weights_are_one_array_and_names_do_not_meet() -> None:
    tied = parse("INPUT 2x6x6 -> CONV 2 3x3 pad=1 -> RELU -> CONV 2 3x3 pad=1 shares=conv1")
    made = onnx_model(tied, initialize(tied))
    assert [each.name for each in made.graph.initializer] == ["conv1.weight", "conv1.bias"]
    nodes = (
        Node("picture", ops.Input((2,))),
        Node("fc", ops.Dense(2), ("picture",)),
        Node("fc.weight", ops.ReLU(), ("fc",)),
        Node("scores", ops.Dense(2), ("fc.weight",)),
    )
    graph = Graph(nodes)
    weights, x = initialize(graph), np.ones((3, 2), dtype=np.float32)
    wanted = run(graph, weights, [x]).values["scores"]
    found = _run(onnx_model(graph, weights), {"picture/": x}, "scores")
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_what_is_written_is_read_again_with_its_names(tmp_path: Path) -> None:
    graph = parse(NETWORKS["shufflenet_v2_x1_0"].small)
    (tmp_path / "net.onnx").write_bytes(onnx_bytes(onnx_model(graph, initialize(graph))))
    again = read_onnx(tmp_path / "net.onnx").graph
    assert {node.name for node in again} == {node.name for node in graph}
    assert (again.parameters, again.multiply_adds) == (graph.parameters, graph.multiply_adds)


def test_what_has_no_form_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    opaque = ops.Opaque("fft", (2,))
    graph = Graph((Node("x", ops.Input((2,))), Node("mixed", opaque, ("x",))))
    with pytest.raises(OnnxError, match=r"mixed .Opaque. has no form in ONNX"):
        onnx_model(graph, {})
    monkeypatch.setattr(writing, "MOST", 10)
    tiny = parse("INPUT 1x1x1 -> FC 3")
    with pytest.raises(OnnxError, match="the weights take 24 bytes, more than the 10"):
        onnx_model(tiny, initialize(tiny))
    monkeypatch.setitem(sys.modules, "onnx.helper", None)
    with pytest.raises(OnnxError, match="not installed") as refused:
        onnx_model(tiny, initialize(tiny))
    assert 'pip install "striate[onnx]"' in refused.value.remedy


def test_the_first_node_that_parts_is_named(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {**ROWS, ops.BatchNorm: lambda op, at: at.put("Mul", at.x, at.number(1.5))}
    monkeypatch.setattr(writing, "ROWS", wrong)
    for raw in (False, True):
        model.to_onnx(tmp_path / "wrong.onnx", raw=raw)
        checked = check_onnx(tmp_path / "wrong.onnx", model, raw=raw)
        assert (checked.ok, checked.first) == (False, "bn1")
        assert "first at bn1" in checked.headline
        assert "pictures of digits" in checked.pictures


@pytest.mark.parametrize(("counts", "first"), [(True, 1.0), (False, 1.5)])
def test_what_a_mean_counts_at_a_border(counts: bool, first: float) -> None:
    """Of 0 | 1 2 3 4 by threes: (0 + 1 + 2) / 3, or (1 + 2) / 2."""
    pool = ops.AveragePool(3, 2, 1, include_padding=counts)
    graph = Graph((Node("x", ops.Input((1, 4))), Node("pool", pool, ("x",))))
    made = onnx_model(graph, {})
    assert [node.op_type for node in made.graph.node] == ["AveragePool", "Identity"]
    x = np.array([[[1, 2, 3, 4]]], dtype=np.float32)
    assert _run(made, {"x": x}).tolist() == [[[first, 3.0]]]


def _alone(case: Case) -> tuple[Graph, dict[str, Any]]:
    """The network of one operator, and what enters it; a value that reads nothing is added to 0."""
    inputs = [Node(f"x{k}", ops.Input(spec.shape)) for k, spec in enumerate(case.specs)]
    entering = {node.name: x for node, x in zip(inputs, case.call.inputs, strict=True)}
    it = Node("it", case.operator, tuple(entering))
    if inputs:
        return Graph((*inputs, it)), entering
    zero = Node("x", ops.Input(case.operator.shape().shape))
    return Graph((zero, it, Node("y", ops.Add(), ("x", "it")))), {"x": np.zeros_like(case.call.y)}


def _run(model: Any, entering: dict[str, Any], *names: str) -> Any:
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        onnx_bytes(model), options, providers=["CPUExecutionProvider"]
    )
    return session.run(list(names) or None, entering)[0]
