"""Recurrent layers out to ONNX and back, and as PyTorch's exporter writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from striate.errors import OnnxError  # noqa: E402
from striate.exchange.onnx import read_onnx  # noqa: E402
from striate.exchange.onnx_out import onnx_bytes, onnx_model  # noqa: E402
from striate.initialize import initialize  # noqa: E402
from striate.notation import parse  # noqa: E402
from striate.ops import OPERATORS, Opaque  # noqa: E402
from striate.reference import run  # noqa: E402

KINDS = {each.__name__: each for each in OPERATORS}


@pytest.mark.parametrize(
    "text",
    [
        "INPUT 3x5 -> GRU 4 bidirectional -> LSTM 3 last -> FC 2",
        "INPUT 3x5 -> GRU 4 bidirectional last reset=before",
        "INPUT 3x5 -> RNN 4 nonlinearity=relu -> LSTM 3 peepholes bidirectional bias=no",
        "INPUT 3x5 -> LSTM 4 peepholes -> RNN 3 nonlinearity=sigmoid bidirectional last",
        "INPUT 3x5 -> { PASS | GRU 4 bidirectional last } GRU 4 bidirectional",
        "INPUT 3x5 -> { PASS | GRU 4 last | RNN 4 last } LSTM 4",
    ],
)
def test_what_is_written_is_read_again(text: str, tmp_path: Path) -> None:
    graph = parse(text)
    weights = initialize(graph, biases="normal(0.3)")
    (tmp_path / "net.onnx").write_bytes(onnx_bytes(onnx_model(graph, weights)))
    again = read_onnx(tmp_path / "net.onnx")
    assert not [node for node in again.graph if isinstance(node.operator, Opaque)]
    assert again.graph.multiply_adds == graph.multiply_adds
    x = np.random.default_rng(1).standard_normal((2, 3, 5))
    before, after = run(graph, weights, x), run(again.graph, again.weights, x)
    np.testing.assert_array_equal(
        before.values[graph.scores.name], after.values[again.graph.scores.name]
    )


def recurrent_file(path: Path, kind: str, layer: Any, direction: str, **attributes: Any) -> None:
    """A file as PyTorch writes it: steps first, gates in ONNX's order, both outputs."""
    order = {"GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2], "RNN": [0]}[kind]
    own = {}
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        rows = getattr(layer, f"{name}_l0").detach().chunk(len(order))
        own[name] = torch.cat([rows[k] for k in order])[None].numpy()
    arrays = {
        "W": own["weight_ih"],
        "R": own["weight_hh"],
        "B": np.concatenate([own["bias_ih"], own["bias_hh"]], axis=1),
        "zero": np.zeros((1, 1, layer.hidden_size), np.float32),
        "one": np.array([1]),
    }
    inputs = ["t", "W", "R", "B", "", "zero", *(["zero"] if kind == "LSTM" else [])]
    settings = {"hidden_size": layer.hidden_size, "direction": direction, **attributes}
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node(kind, inputs, ["y", "h"], **settings),
        helper.make_node("Squeeze", ["y", "one"], ["s"]),
        helper.make_node("Transpose", ["s"], ["out"], perm=[1, 0, 2]),
    ]
    x, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n", 5, 3]), ("out", None))
    )
    kept = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "g", [x], [out], kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(("kind", "direction"), [("GRU", "forward"), ("LSTM", "reverse")])
def test_a_layer_of_pytorch_is_read(kind: str, direction: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    layer = getattr(nn, kind)(3, 4, batch_first=True)
    more = {"linear_before_reset": 1} if kind == "GRU" else {}
    recurrent_file(tmp_path / "net.onnx", kind, layer, direction, **more)
    network = read_onnx(tmp_path / "net.onnx")
    assert any(isinstance(node.operator, KINDS[kind]) for node in network.graph)
    x = torch.randn(2, 5, 3)
    turned = x.flip(1) if direction == "reverse" else x
    wanted = layer(turned)[0]
    wanted = wanted.flip(1) if direction == "reverse" else wanted
    trace = run(network.graph, network.weights, x.numpy())
    found = trace.values[network.graph.scores.name]
    np.testing.assert_allclose(found, wanted.detach().numpy(), atol=1e-6)


def test_a_cell_that_is_not_here_is_refused(tmp_path: Path) -> None:
    """Steps stand first in what it reads, and opaque nodes are run picture by picture."""
    layer = nn.GRU(3, 4)
    recurrent_file(tmp_path / "net.onnx", "GRU", layer, "forward", clip=1.0)
    with pytest.raises(OnnxError, match=r"GRU .*cannot be read: it cuts off what its gates sum"):
        read_onnx(tmp_path / "net.onnx")
