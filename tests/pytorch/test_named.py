"""Modules by their place in code: what is found, with which input, and what is said if not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from striate.errors import IdleSettingError, StriateError
from striate.graph.imported import Explainable
from striate.lookup import explainable_of, graph_of, model_of, name_of, named

CODE = """\
import torch
from torch import nn

print("this is no answer")

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4 * 36, 5)

    def forward(self, x):
        return self.fc(torch.relu(self.conv(x)).flatten(1))

class Two(nn.Module):
    def forward(self, picture, code, scale=None):
        return picture.mean((2, 3)) * code

class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(unknown, 5)

class Box:
    net = Net()

class Wide(nn.Module):
    def __init__(self, width, depth=2):
        super().__init__()

def make():
    return Net()

def wrong():
    return [Net()]

number = 7
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a Python module in the current directory."""
    (tmp_path / "toy_networks.py").write_text(CODE)
    (tmp_path / "toy_missing.py").write_text("import torch\nimport not_installed\n")
    (tmp_path / "toy_torn.py").write_text("x = (\n")
    (tmp_path / "toy_leaving.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != ""])
    for name in [each for each in sys.modules if each.startswith("toy_")]:
        monkeypatch.delitem(sys.modules, name)
    return "toy_networks"


@pytest.mark.parametrize("name", ["Net", "make", "Box.net"])
def test_a_module_is_found_however_it_is_made(
    toy: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = graph_of(named(f"{toy}:{name}", ["3x8x8"]))
    assert (
        str(graph)
        == "INPUT 3x8x8 -> conv: CONV 4 3x3 -> relu: RELU -> flatten: FLATTEN -> fc: FC 5"
    )
    assert capsys.readouterr().out == ""


def test_what_is_asked_has_the_module_s_weights(toy: str) -> None:
    subject = explainable_of(named(f"{toy}:Box.net", ["3x8x8"]))
    weight = sys.modules[toy].Box.net.fc.weight
    np.testing.assert_array_equal(subject.weights["fc"]["weight"], weight.detach().numpy())
    assert isinstance(subject, Explainable)


def test_several_inputs_are_in_order_or_named(toy: str) -> None:
    plain = graph_of(named(f"{toy}:Two", ["3x8x8", "3"]))
    by_name = graph_of(named(f"{toy}:Two", ["code=3", "picture=3x8x8"]))
    assert plain == by_name
    assert [node.name for node in plain.inputs] == ["picture", "code"]


@pytest.mark.parametrize(
    ("place", "inputs", "said"),
    [
        ("toy_networks:Net", [], "--input 3x224x224"),
        ("toy_networks:Nets", ["3x8x8"], "toy_networks has no Nets\n  Did you mean Net"),
        ("toy_netwroks:Net", ["3x8x8"], "no Python module toy_netwroks\n  Did you mean toy_netw"),
        ("toy_networks.py:Net", ["3x8x8"], "Name it without .py: toy_networks:NAME"),
        ("toy_networks:number", ["3x8x8"], "number is no torch.nn.Module: int"),
        ("toy_networks:wrong", ["3x8x8"], "wrong makes no torch.nn.Module: list"),
        ("toy_networks:Wide", ["3x8x8"], "Wide needs width to make a module"),
        ("toy_networks:Broken", ["3x8x8"], r"NameError: .*\n.*toy_networks.py, line 22: self.fc"),
        (
            "toy_missing:Net",
            ["3x8x8"],
            r"No module named 'not_installed'\n.*toy_missing.py, line 2",
        ),
        ("toy_torn:Net", ["3x8x8"], r"SyntaxError: .*\n.*toy_torn.py, line 1: x = \("),
        ("toy_leaving:Net", ["3x8x8"], r"SystemExit: 3\n.*toy_leaving.py, line 2: sys.exit\(3\)"),
        ("toy_networks:Net", ["3x9x9"], r"cannot run on 3x9x9: .*\n.*toy_networks.py, line 13"),
        ("toy_networks:Net", ["3 x 9"], "'3 x 9' is no input\n  Write 3x224x224"),
        ("toy_networks:Two", ["cod=3", "picture=3x8x8"], "no input cod\n  Did you mean code"),
        ("toy_networks:Two", ["code=3"], "code=3 are not the first of them"),
        ("lenet5", ["3x8x8"], "lenet5 says itself what enters"),
    ],
)
def test_what_is_wrong_is_said_with_the_line(
    toy: str, place: str, inputs: list[str], said: str
) -> None:
    with pytest.raises(StriateError, match=said):
        named(place, inputs)


def test_a_word_of_another_kind_stays_as_it_is() -> None:
    assert named("lenet5") == "lenet5"
    assert named("C1: CONV 6 5x5") == "C1: CONV 6 5x5"
    assert name_of("torchvision.models:resnet18") == "resnet18"


def test_an_input_that_does_nothing_is_refused() -> None:
    with pytest.raises(IdleSettingError):
        named("some.onnx", ["x=3x8x8"])


def test_code_is_no_trained_model(toy: str) -> None:
    for network in (f"{toy}:Net", named(f"{toy}:Net", ["3x8x8"])):
        with pytest.raises(StriateError, match="no trained model"):
            model_of(network)  # type: ignore[arg-type]


def test_a_network_of_torchvision_is_found() -> None:
    models = pytest.importorskip("torchvision.models")
    graph = graph_of(named("torchvision.models:squeezenet1_1", ["3x64x64"]))
    assert graph.parameters == sum(p.numel() for p in models.squeezenet1_1().parameters())
