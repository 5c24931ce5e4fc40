"""What is damaged or means harm ends in one answer; what is beside the file stays in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402

from exchange.onnx_files import File, drawn, ints, model, one_node, saved  # noqa: E402
from striate.analysis.why.inquiry import why  # noqa: E402
from striate.errors import OnnxError, StriateError  # noqa: E402
from striate.exchange import onnx_package  # noqa: E402
from striate.exchange.onnx import read_onnx  # noqa: E402
from striate.reference import run  # noqa: E402

NETWORK = File("Conv", 11, {}, (drawn(3, 4, 3, 3), drawn(3)))


def refused(whole: Any, folder: Path) -> str:
    with pytest.raises(OnnxError) as caught:
        read_onnx(saved(whole, folder))
    assert str(folder) in str(caught.value)
    return str(caught.value)


def test_what_is_no_file_of_the_kind(tmp_path: Path) -> None:
    for content in (b"", b"no network", one_node(NETWORK).SerializeToString()[:100]):
        path = tmp_path / "network.onnx"
        path.write_bytes(content)
        with pytest.raises(OnnxError, match="is not an ONNX file, or damaged"):
            read_onnx(path)
    with pytest.raises(OnnxError, match="is missing"):
        read_onnx(tmp_path / "other.onnx")


def test_sizes_that_lie(tmp_path: Path) -> None:
    for sizes, answer in (([1 << 40], "holds 108"), ([-3, 4], "mean nothing")):
        whole = one_node(NETWORK)
        del whole.graph.initializer[0].dims[:]
        whole.graph.initializer[0].dims.extend(sizes)
        assert answer in refused(whole, tmp_path)


def test_much_made_of_little(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ConstantOfShape", ["much"], ["zeros"]),
        helper.make_node("Neg", ["zeros"], ["more"]),
        helper.make_node("Tile", ["more", "times"], ["most"]),
        helper.make_node("Add", ["x", "most"], ["y"]),
    ]
    whole = model(nodes, (1, 4), {"much": ints(1 << 20), "times": ints(1 << 20)})
    assert "numbers out of constants" in refused(whole, tmp_path)


def test_nodes_out_of_order(tmp_path: Path) -> None:
    circle = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    assert "which nothing before it makes" in refused(model(circle, (1, 4), {}), tmp_path)
    twice = [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Abs", ["x"], ["y"])]
    assert "which is made already" in refused(model(twice, (1, 4), {}), tmp_path)


def test_what_is_refused_by_kind(tmp_path: Path) -> None:
    branch = helper.make_graph([], "branch", [], [])
    nodes = [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)]
    assert "holds a network" in refused(model(nodes, (1, 4), {}), tmp_path)
    nodes = [helper.make_node("Fused", ["x"], ["y"], domain="com.example")]
    assert "Only ONNX's own operators" in refused(model(nodes, (1, 4), {}), tmp_path)
    nodes = [helper.make_node("Transpose", ["x"], ["y"], perm=[1, 0])]
    assert "does not begin with the pictures" in refused(model(nodes, (1, 4), {}), tmp_path)
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    free = model(nodes, ("N", 3, "H", "W"), {})
    assert "its size is not known" in refused(free, tmp_path)
    found = read_onnx(saved(free, tmp_path), size=(3, 5, 7))
    assert found.graph.specs[found.graph.scores.name].shape == (3, 5, 7)
    for size in ((4, 5, 7), (5, 7)):
        with pytest.raises(OnnxError, match=r"'x' is 3x\?x\?, not "):
            read_onnx(saved(free, tmp_path), size=size)


def outside(whole: Any, location: str, offset: str = "0") -> Any:
    """The same model with its first array in another file."""
    tensor = whole.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset)):
        tensor.external_data.add(key=key, value=value)
    return whole


def test_arrays_beside_the_file(tmp_path: Path) -> None:
    folder, secret = tmp_path / "network", tmp_path / "secret.bin"
    folder.mkdir()
    array = drawn(3, 4, 3, 3)
    for path in (secret, folder / "weights.bin"):
        path.write_bytes(bytes(16) + array.tobytes())
    found = read_onnx(saved(outside(one_node(NETWORK), "weights.bin", "16"), folder))
    np.testing.assert_array_equal(found.weights["conv1"]["weight"], array)
    (folder / "link.bin").symlink_to(secret)
    for location in ("../secret.bin", str(secret), "link.bin", "", "."):
        answer = refused(outside(one_node(NETWORK), location), folder)
        assert "Only files in the folder of the ONNX file are read" in answer
    answer = refused(outside(one_node(NETWORK), "weights.bin", "17"), folder)
    assert "which has 448" in answer


def test_names_of_every_kind_become_legal_ones(tmp_path: Path) -> None:
    names = ["\x1b[31m", "a b", "loss", "é", "conv 1/x", "{0}", "x" * 300, "Relu_7"]
    ends = ["x", *(f"v{k}" for k in range(len(names) - 1)), "y"]
    nodes = [helper.make_node("Relu", ends[k : k + 1], ends[k + 1 : k + 2], name=name)
             for k, name in enumerate(names)]  # fmt: skip
    found = read_onnx(saved(model(nodes, (1, 4), {}), tmp_path))
    assert [node.name for node in found.graph] == [
        *("x", "relu1", "relu2", "loss", "é", "relu3", "relu4", "relu5", "relu6")
    ]


def test_what_stays_opaque_is_explained_around(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"]),
        helper.make_node("CumSum", ["a", "axis"], ["b"]),
        helper.make_node("Gemm", ["b", "v"], ["y"]),
    ]
    given = {"w": drawn(4, 3), "v": drawn(3, 2), "axis": np.array(1)}
    found = read_onnx(saved(model(nodes, (1, 4), given), tmp_path))
    assert found.notes == ("CumSum 'b' stays opaque: there is no operator for it here",)
    x = drawn(1, 4)
    assert why(found, x, "fc2[0]").stored == pytest.approx(
        (np.cumsum(x @ given["w"], axis=1) @ given["v"])[0, 0], rel=1e-5
    )
    assert len(why(found, x, "fc1[0]").terms) == 4
    with pytest.raises(StriateError, match="has no derivative"):
        why(found, x, "fc1[0].grad", target=1)


def test_arrays_that_two_nodes_read_are_shared(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["a"]),
        helper.make_node("Gemm", ["a", "w", "b"], ["y"]),
    ]
    given = {"w": drawn(4, 4), "b": drawn(4)}
    found = read_onnx(saved(model(nodes, (1, 4), given), tmp_path))
    assert found.graph.parameters == 20
    assert found.graph["fc2"].shares == "fc1"
    x = drawn(1, 4)
    values = run(found.graph, found.weights, x.astype(np.float64)).values
    w, b = (array.astype(np.float64) for array in given.values())
    np.testing.assert_allclose(values["fc2"], (x @ w + b) @ w + b)


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(onnx_package, "import_module", absent)
    with pytest.raises(OnnxError, match=r"pip install \"striate\[onnx\]\""):
        read_onnx(tmp_path / "network.onnx")


def test_an_output_too_many(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["x", "size"], ["y", "more"])]
    whole = model(nodes, (1, 4), {"size": ints(1, 2, 2)}, outputs=("y", "more"))
    refused(whole, tmp_path)
