from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nets import branching, chain, lenet, with_side_exit
from striate.engine import lower
from striate.errors import GraphError
from striate.graph import Graph, Node
from striate.notation import parse
from striate.ops import Add, AveragePool, Conv, Dense, Input, MaxPool, ReLU, Softmax
from striate.pytorch import source


def two_inputs() -> Graph:
    """Names that make one Python name (a.b and a_b), and names of built-in functions."""
    return Graph(
        (
            Node("left", Input((3,))),
            Node("input", Input((4,))),
            Node("a.b", Dense(2), ("left",)),
            Node("x", Dense(2), ("input",)),
            Node("a_b", Add(), ("a.b", "x")),
            Node("relu", ReLU(), ("a_b",)),
            Node("sum", Add(), ("relu", "a.b")),
            Node("end", Add(), ("sum", "x", "sum", "a_b")),
        )
    )


NETS = {
    "lenet": lenet(),
    "branching": branching(),
    "side_exit": with_side_exit(),
    "side_softmax": with_side_exit(softmax=True),
    "signal": chain(
        Input((2, 11)),
        *(Conv(3, 4, padding="same", stride=2), MaxPool(3, stride=1, padding=2)),
        *(AveragePool(3, stride=2, padding=((0, 1),), ceil=True), Dense(3), Softmax()),
    ),
    "padded": chain(
        Input((2, 9, 8)),
        *(MaxPool(3, stride=2, padding=((0, 1), (2, 1))), Conv(3, (2, 3), groups=1)),
        *(AveragePool((3, 2), stride=1, padding=((1, 0), (0, 1)), include_padding=False),),
        *(AveragePool(2, stride=2, ceil=True), Dense(3)),
    ),
    "inputs": two_inputs(),
    # Two cells that PyTorch lacks, which share a base.
    "recurrent": parse("INPUT 3x5 -> GRU 4 reset=before bidirectional -> LSTM 3 peepholes -> FC 2"),
}

SCRIPT = """
import sys, warnings
warnings.simplefilter("error")
sys.modules["striate"] = None
import torch
folder = sys.argv[1]
for name in sys.argv[2:]:
    given = torch.load(f"{folder}/{name}.pt", weights_only=True)
    space = {}
    exec(compile(open(f"{folder}/{name}.py").read(), name, "exec"), space)
    network = space["Network"]()
    network.load_state_dict(given["state"])
    for training in (False, True):
        torch.manual_seed(0)
        with torch.no_grad():
            found = network.train(training)(*given["x"])
        torch.testing.assert_close(found, given[training], rtol=0, atol=0)
"""


def test_the_text_runs_without_striate_and_gives_equal_outputs(tmp_path: Path) -> None:
    for name, graph in NETS.items():
        module = lower(graph, fast=False)
        x = [torch.randn(3, *graph.specs[node.name].shape) for node in graph.inputs]
        state = {key: value.clone() for key, value in module.state_dict().items()}
        given: dict[object, object] = {"x": x, "state": state}
        for training in (False, True):
            torch.manual_seed(0)
            with torch.no_grad():
                given[training] = module.train(training)(*x)
        torch.save(given, tmp_path / f"{name}.pt")
        (tmp_path / f"{name}.py").write_text(source(graph))
    command = [sys.executable, "-I", "-c", SCRIPT, str(tmp_path), *NETS]
    subprocess.run(command, check=True, timeout=120)


def test_the_text_is_formatted() -> None:
    for graph in NETS.values():
        text = source(graph)
        assert max(map(len, text.splitlines())) <= 100
        assert "\t" not in text
        assert text.endswith("\n")
        assert "striate" not in text.lower()


def test_a_chain_reads_like_a_tutorial() -> None:
    graph = chain(Input((1, 8, 8)), Conv(6, 3), ReLU(), MaxPool(2), Dense(10))
    assert source(graph, "Small") == (
        "from torch import Tensor, nn\n"
        "\n"
        "\n"
        "class Small(nn.Module):\n"
        '    """1x8x8 in, 10 out, batch first."""\n'
        "\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        "        self.conv1 = nn.Conv2d(1, 6, 3)\n"
        "        self.relu1 = nn.ReLU()\n"
        "        self.pool1 = nn.MaxPool2d(2)\n"
        "        self.flatten1 = nn.Flatten()\n"
        "        self.fc1 = nn.Linear(54, 10)\n"
        "\n"
        "    def forward(self, x: Tensor) -> Tensor:\n"
        "        x = self.conv1(x)\n"
        "        x = self.relu1(x)\n"
        "        x = self.pool1(x)\n"
        "        x = self.flatten1(x)\n"
        "        x = self.fc1(x)\n"
        "        return x\n"
    )


@pytest.mark.parametrize("name", ["train", "class", "half", "blocks.keys"])
def test_names_that_python_or_pytorch_uses_are_refused(name: str) -> None:
    graph = Graph((Node("input", Input((3,))), Node(name, Dense(2), ("input",))))
    with pytest.raises(GraphError, match=f"plain PyTorch cannot have a layer called {name}"):
        source(graph)


def test_a_layer_cannot_be_a_folder() -> None:
    nodes = (
        Node("input", Input((3,))),
        Node("a", Dense(2), ("input",)),
        Node("a.b", ReLU(), ("a",)),
    )
    with pytest.raises(GraphError) as caught:
        source(Graph(nodes))
    assert "folder of other layers" in str(caught.value)
