"""ONNX files: every form reads as ours, and computes what the onnx package says it does."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

onnx = pytest.importorskip("onnx")

from exchange.onnx_files import NEW, OLD, File, ints, judged, model, one_node, saved  # noqa: E402
from striate.analysis.table import table  # noqa: E402
from striate.analysis.verify import verify  # noqa: E402
from striate.analysis.why.inquiry import why  # noqa: E402
from striate.errors import ModelFileError  # noqa: E402
from striate.exchange.onnx import read_onnx  # noqa: E402
from striate.graph.imported import Imported  # noqa: E402
from striate.ops import Opaque  # noqa: E402
from striate.reference import run  # noqa: E402
from striate.training.subject import subject_of  # noqa: E402


def title(file: File) -> str:
    return f"{file.kind}-{file.version}"


def outputs(captured: Imported, x: Any) -> list[Any]:
    """The values of the network's ends, the scores first."""
    values = run(captured.graph, captured.weights, x.astype(np.float64)).values
    ends = [captured.graph.scores.name, *(each.node for each in captured.graph.auxiliary)]
    return [values[name] for name in ends]


@pytest.mark.parametrize("file", NEW, ids=title)
def test_a_node_computes_what_its_definition_says(file: File, tmp_path: Path) -> None:
    whole = one_node(file)
    x = np.random.default_rng(1).standard_normal(file.shape).astype(np.float32)
    captured = read_onnx(saved(whole, tmp_path))
    wanted = judged(whole, x)
    for found, goal in zip(outputs(captured, x), wanted, strict=True):
        np.testing.assert_allclose(found, goal, rtol=1e-5, atol=1e-5)
    kinds = [type(node.operator) for node in captured.graph]
    assert (Opaque in kinds) == file.opaque
    assert any("stays opaque" in note for note in captured.notes) == file.opaque


@pytest.mark.parametrize("file", OLD, ids=title)
def test_old_forms_compute_what_they_did(file: File, tmp_path: Path) -> None:
    whole = one_node(file)
    x = np.random.default_rng(2).standard_normal(file.shape).astype(np.float32)
    captured = read_onnx(saved(whole, tmp_path))
    for found, goal in zip(
        outputs(captured, x), judged(one_node(file.same or file), x), strict=True
    ):
        np.testing.assert_allclose(found, goal, rtol=1e-5, atol=1e-5)
    assert not any("opaque" in note for note in captured.notes)


def test_an_even_neighborhood_reaches_further_up(tmp_path: Path) -> None:
    """ONNX sums from c - ⌊(n-1)/2⌋ to c + ⌈(n-1)/2⌉; both of its engines do otherwise for n = 4."""
    x = np.arange(1.0, 6.0, dtype=np.float32).reshape(1, 5, 1, 1)
    file = File("LRN", 13, {"size": 4, "alpha": 4.0, "beta": 1.0}, shape=x.shape)
    (found,) = outputs(read_onnx(saved(one_node(file), tmp_path)), x)
    sums = [1 + 4 + 9, 1 + 4 + 9 + 16, 4 + 9 + 16 + 25, 9 + 16 + 25, 16 + 25]
    np.testing.assert_allclose(
        found.ravel(), [n / (1 + s) for n, s in zip(x.ravel(), sums, strict=True)]
    )


LIGHT = {
    "bvlc_alexnet": 60_965_224,
    "densenet121": 8_062_504,
    "inception_v1": 6_998_552,
    "inception_v2": 11_214_888,
    "resnet50": 25_557_032,
    "shufflenet": 1_393_320,
    "squeezenet": 1_235_496,
    "vgg19": 143_667_240,
    "zfnet512": 87_250_536,
}
"""Caffe2's networks that travel with the onnx package, and their parameters."""


@pytest.mark.parametrize("name", LIGHT)
def test_the_classic_networks_are_read(name: str) -> None:
    folder = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
    captured = read_onnx(folder / f"light_{name}.onnx")
    answer = table(captured.graph)
    assert answer.totals["parameters"] == LIGHT[name]
    assert not answer.not_counted
    assert captured.graph.specs[captured.graph.scores.name].shape[0] == 1000
    for node in captured.graph:
        for key, weight in captured.graph.own_weights(node).items():
            assert captured.weights[node.name][key].shape == weight.shape


class Block(nn.Module):
    """Layers of most kinds, written as people do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.act = nn.SiLU()
        self.layers = nn.Sequential(nn.Conv2d(8, 8, 3, groups=2), nn.GELU(), nn.GroupNorm(4, 8))
        self.squeeze = nn.Conv2d(8, 4, 1)
        self.excite = nn.Conv2d(4, 8, 1)
        self.scale = nn.Parameter(torch.rand(8, 1, 1))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 8)
        self.fc = nn.Linear(8 * 36, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.bn1(self.conv1(x / 2 - 0.25)))
        x = self.layers(x)
        gate = x.mean((2, 3), keepdim=True)
        gate = nn.functional.hardsigmoid(self.excite(torch.relu(self.squeeze(gate))))
        x = x * gate * self.scale
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = x.chunk(2, 1)
        x = torch.cat([b, a + b], 1).permute(0, 2, 3, 1)
        x = self.head(self.norm(x)) + x
        return self.fc(x.flatten(1))


def exported(module: nn.Module, folder: Path, *, dynamo: bool, **settings: Any) -> Path:
    path = folder / "exported.onnx"
    x = torch.zeros(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (x,), str(path), dynamo=dynamo, **settings)
    return path


@pytest.mark.parametrize("dynamo", [False, True])
def test_what_pytorch_exports_computes_what_the_module_does(dynamo: bool, tmp_path: Path) -> None:
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    module = Block()
    for each in module.modules():
        if isinstance(each, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
            nn.init.uniform_(each.weight, 0.5, 1.5)
            nn.init.uniform_(each.bias)
    axes: Any = {"dynamic_shapes": {"x": {0: torch.export.Dim("n")}}}
    if not dynamo:
        axes = {"dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]}
    captured = read_onnx(exported(module, tmp_path, dynamo=dynamo, **axes))
    x = torch.randn(3, 3, 8, 8)
    wanted = module(x).detach().numpy()
    (found,) = outputs(captured, x.numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(captured.module()(x).detach(), wanted, rtol=1e-4, atol=1e-5)
    assert not captured.notes
    kinds = {type(node.operator).__name__ for node in captured.graph}
    assert {"SiLU", "GELU", "GroupNorm", "LayerNorm", "HardSigmoid", "Scale", "Affine"} <= kinds
    names = [node.name for node in captured.graph]
    assert {"conv1", "act", "layers.0", "squeeze", "excite", "head", "fc"} <= set(names), names


def test_axes_are_those_of_the_file_wherever_channels_stand(tmp_path: Path) -> None:
    """A picture with channels last, and axes that move the one of the pictures for a while."""
    helper = onnx.helper
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Concat", ["t", "t"], ["c"], axis=1),
        helper.make_node("Slice", ["c", "one", "five", "one"], ["s"]),
        helper.make_node("Softmax", ["s"], ["m"], axis=1),
        helper.make_node("Transpose", ["m"], ["q"], perm=[1, 3, 0, 2]),
        helper.make_node("Split", ["q"], ["k0", "k1"], axis=0, num_outputs=2),
        helper.make_node("Gather", ["k1", "last"], ["g"], axis=0),
        helper.make_node("Slice", ["g", "one", "five", "none"], ["h"]),
        helper.make_node("Squeeze", ["h", "none"], ["i"]),
        helper.make_node("Relu", ["i"], ["y"]),
    ]
    given = {"one": ints(1), "five": ints(5), "none": ints(0), "last": np.array(1)}
    whole = model(nodes, ("N", 2, 3, 7), given)
    x = np.random.default_rng(3).standard_normal((4, 2, 3, 7)).astype(np.float32)
    (found,) = outputs(read_onnx(saved(whole, tmp_path)), x)
    np.testing.assert_allclose(found, judged(whole, x)[0], rtol=1e-5, atol=1e-6)


def test_a_file_stands_where_a_network_does(tmp_path: Path) -> None:
    path = saved(one_node(NEW[0]), tmp_path)
    code = (
        f"import sys, striate; print(striate.table({str(path)!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "conv1" in done.stdout
    assert done.stdout.strip().endswith("False")
    assert verify(str(path)).ok
    x = np.random.default_rng(4).standard_normal((1, 4, 6, 8))
    answer = why(str(path), x, "conv1[2,1,1]")
    (wanted,) = judged(one_node(NEW[0]), x.astype(np.float32))
    assert answer.stored == pytest.approx(wanted[0, 2, 1, 1], rel=1e-4)
    with pytest.raises(ModelFileError, match="not trained"):
        subject_of(str(path))
