"""Weights that others have saved: by name, by order, in wrappers, and what does not fit."""

from __future__ import annotations

import os
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from striate.errors import ModelFileError, StriateError, WeightsError
from striate.exchange.fitting import fit_weights
from striate.networks import NETWORKS
from striate.notation import parse

GRAPH = parse(
    "INPUT 3x8x8 -> CONV 4 3x3 same bias=no -> BN -> RELU"
    " -> { CONV 4 3x3 same bias=no -> BN -> RELU -> CONV 4 3x3 same bias=no -> BN"
    " | CONV 4 1x1 bias=no -> BN } ADD -> RELU -> GLOBALAVGPOOL -> FC 5"
)


class Block(nn.Module):
    """A residual block, its layers named as in torchvision and timm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)
        self.downsample = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (inner + self.downsample(x)).relu()


class Residual(nn.Module):
    """The network of GRAPH."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(Block())
        self.fc = nn.Linear(4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.layer1(self.bn1(self.conv1(x)).relu()).mean((2, 3)))


def _trained(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 0.9)
    return module.eval()


def _equal(module: nn.Module, file: Path) -> None:
    """The network of GRAPH computes with these weights what the module computes."""
    fit = fit_weights(GRAPH, file)
    fit.check()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    ours = GRAPH.module(weights=fit.weights).double().eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(x), module.double()(x), rtol=1e-12, atol=1e-12)


WRAPPED = {
    "bare": lambda state: state,
    "checkpoint": lambda state: {"epoch": 3, "state_dict": state},
    "twice": lambda state: {"model": {"model_state_dict": state}},
    "distributed": lambda state: {f"module.{name}": each for name, each in state.items()},
    "compiled": lambda state: {f"module._orig_mod.{name}": each for name, each in state.items()},
    "backwards": lambda state: dict(reversed(state.items())),
    "legacy": lambda state: state,
}


@pytest.mark.parametrize("how", WRAPPED)
def test_the_same_numbers_however_a_state_was_saved(how: str, tmp_path: Path) -> None:
    module = _trained(Residual())
    path = tmp_path / "w.pth"
    state = WRAPPED[how](module.state_dict())
    torch.save(state, path, _use_new_zipfile_serialization=how != "legacy")
    _equal(module, path)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_safetensors_file_sorts_its_names(prefix: str, tmp_path: Path) -> None:
    module = _trained(Residual())
    path = tmp_path / "w.safetensors"
    save_file({prefix + name: each for name, each in module.state_dict().items()}, path)
    _equal(module, path)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    module = _trained(Residual()).bfloat16()
    path = tmp_path / "w.pt"
    torch.save(module.state_dict(), path)
    _equal(module, path)
    save_file(module.bfloat16().state_dict(), tmp_path / "w.safetensors")
    _equal(module, tmp_path / "w.safetensors")


def test_our_own_names_come_first(tmp_path: Path) -> None:
    network = _trained(GRAPH.module())
    path = tmp_path / "w.pt"
    torch.save(dict(reversed(network.state_dict().items())), path)
    assert fit_weights(GRAPH, path).by == "name"
    _equal(network, path)


def test_what_does_not_fit_is_listed(tmp_path: Path) -> None:
    state = _trained(Residual(classes=7)).state_dict()
    path = tmp_path / "w.pth"
    torch.save(state, path)
    fit = fit_weights(GRAPH, path)
    assert dict(fit.other_shape) == {
        "fc1.weight": "fc.weight is 7x4, not 5x4",
        "fc1.bias": "fc.bias is 7, not 5",
    }
    assert (fit.missing, fit.unexpected) == ((), ())
    assert len(fit.taken) == 20
    assert fit.taken["conv4.weight"] == "layer1.0.downsample.0.weight"
    with pytest.raises(WeightsError, match=r"do not fit the network\n  other shape: fc1.weight"):
        fit.check()


@pytest.mark.parametrize(
    "gone",
    [
        ("bn1",),
        ("bn1", "layer1.0.conv1"),
        ("layer1.0.conv1", "layer1.0.bn1", "fc"),
        ("layer1.0.bn2",),
    ],
)
def test_where_a_layer_is_missing_no_other_takes_its_weights(
    gone: tuple[str, ...], tmp_path: Path
) -> None:
    state = _trained(Residual()).state_dict()
    for name in list(state):
        if name.rpartition(".")[0] in gone:
            del state[name]
    path = tmp_path / "w.pth"
    torch.save(state, path)
    fit = fit_weights(GRAPH, path)
    assert all(ours == theirs for ours, theirs in fit.taken.items())
    assert set(fit.taken) <= {f"{node}.{name}" for node in ("conv1", "bn1") for name in BN}
    assert "layer1.0.downsample.0.weight" in fit.unexpected


BN = ("weight", "bias", "running_mean", "running_var")


@pytest.mark.parametrize("longer", ["file", "network"])
def test_what_one_has_behind_the_other_is_left_out(longer: str, tmp_path: Path) -> None:
    state = _trained(Residual()).state_dict()
    path = tmp_path / "w.pth"
    torch.save({name: each for name, each in state.items() if longer == "file" or "fc" not in name},
               path)  # fmt: skip
    headless = parse(str(GRAPH).partition(" -> FC")[0])
    fit = fit_weights(headless if longer == "file" else GRAPH, path)
    left = {"file": ((), ("fc.weight", "fc.bias")), "network": (("fc1.weight", "fc1.bias"), ())}
    assert (fit.by, len(fit.taken)) == ("order", 20)
    assert (fit.missing, fit.unexpected) == left[longer]


def test_names_of_nobody_need_the_order_of_the_file(tmp_path: Path) -> None:
    layers = OrderedDict(zebra=nn.Conv2d(1, 2, 3), ant=nn.Conv2d(2, 2, 3), mole=nn.Linear(8, 3))
    state = _trained(nn.Sequential(layers)).state_dict()
    graph = parse("INPUT 1x6x6 -> CONV 2 3x3 -> CONV 2 3x3 -> FC 3")
    torch.save(state, tmp_path / "w.pth")
    assert fit_weights(graph, tmp_path / "w.pth").taken["conv2.bias"] == "ant.bias"
    save_file(state, tmp_path / "w.safetensors")
    assert not fit_weights(graph, tmp_path / "w.safetensors").taken


class Hostile:
    """A pickle that runs a command when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/striate_was_here",)


def _hostile(path: Path, content: object) -> None:
    torch.save(content, path)


def _compressed(path: Path) -> None:
    torch.save({"weight": torch.zeros(1000)}, path)
    with zipfile.ZipFile(path) as stored:
        entries = {each: stored.read(each) for each in stored.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries.items():
            packed.writestr(name, content)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p: _hostile(p, Hostile()), "more than weights: the Python code '.*system'"),
        (lambda p: _hostile(p, {"a.weight": Hostile()}), "Nothing of it was run"),
        (lambda p: _hostile(p, Residual()), "more than weights: the Python code"),
        (lambda p: _hostile(p, [torch.zeros(3)]), "holds list, no weights by name"),
        (lambda p: _hostile(p, {"epoch": 3}), "holds no weights by name"),
        (lambda p: _hostile(p, {"a": torch.zeros(3).to_sparse()}), "'a' in .* is no plain tensor"),
        (lambda p: torch.jit.script(nn.Linear(2, 2)).save(str(p)), "a TorchScript program"),
        (_compressed, "is compressed"),
        (lambda p: p.write_bytes(b"PK\x03\x04 not really"), "not a file of torch.save, or damaged"),
        (lambda p: p.write_bytes(b""), "not a file of torch.save, or damaged"),
        (lambda p: p.mkdir(), "is a folder"),
        (lambda p: None, "is missing"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_no_weights_file_is_refused(write: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    write(path)
    with pytest.raises(StriateError, match=said) as refused:
        fit_weights(GRAPH, path)
    assert isinstance(refused.value, ModelFileError | WeightsError)
    assert not Path("/tmp/striate_was_here").exists()


CATALOG = {
    **{name: name for name in NETWORKS},
    "vit_tiny": "vit_tiny_patch16_224",
    "mobilenet_v2": "mobilenetv2_100",
    "regnet_y_400mf": "regnety_004",
}
"""Names in the catalog, and what timm calls the same network."""

OTHER_NUMBERS = ("mobilenet_v3_large", "mobilenet_v3_small", "googlenet", "unet")
"""Not compared with timm: other epsilons, or another network of that name."""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("maker", ["torchvision.models", "timm"])
def test_the_catalog_with_weights_of_others(
    maker: str, name: str, ending: str, tmp_path: Path
) -> None:
    made = pytest.importorskip(maker)
    called = CATALOG[name] if maker == "timm" else name
    there = called in made.list_models()
    if not there or name in (OTHER_NUMBERS if maker == "timm" else ("googlenet",)):
        pytest.skip(f"{maker} has no {name} of these numbers")
    module = _trained(made.create_model(called) if maker == "timm" else made.get_model(called))
    _scale(module)
    state, path = module.state_dict(), tmp_path / f"w{ending}"
    (torch.save if ending == ".pth" else save_file)(state, path)
    graph = parse(NETWORKS[name].notation)
    fit = fit_weights(graph, path)
    fit.check()
    x = torch.randn(1, *graph.specs[graph.inputs[0].name].shape, dtype=torch.float64)
    with torch.no_grad():
        ours = graph.module(weights=fit.weights).double().eval()(x)
        theirs = module.double()(x)
    assert theirs.isfinite().all()
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < 1e-9


def _scale(module: nn.Module) -> None:
    """Kernels around zero whose sums stay of the size of what they sum."""
    for tensor in module.state_dict().values():
        if tensor.ndim > 1:
            tensor.sub_(0.5).mul_(4 / np.sqrt(tensor[0].numel()))
