"""Memory to train, as it is said before PyTorch is loaded, against what its allocator tells.

Without oneDNN there is next to no workspace in small convolutions, and what is said is within
1 %; with it, as PyTorch runs, networks of the catalog keep within 3 %.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from striate.analysis.table import table
from striate.analysis.training_memory import BATCH, STATES, training_memory
from striate.bench.allocator import training_peak
from striate.engine.optimizers import OPTIMIZERS, optimizer
from striate.errors import SettingError
from striate.graph import Graph
from striate.networks import NETWORKS
from striate.notation import parse
from striate.training.recipe import Recipe

SMALLER = {"resnet18": 4, "mobilenet_v3_small": 8, "squeezenet1_1": 8, "densenet121": 2}
"""Catalog networks on small pictures, and the pictures a step."""

NOVEL = {
    "vgg": "[[CONV 24 3x3 same -> RELU]*2 -> MAXPOOL 2]*3 -> FC 256 -> RELU -> DROPOUT -> FC 10",
    "lenet": "[CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 512 -> RELU -> FC 10",
    "shared": "FC 400 -> RELU -> a: FC 400 -> RELU -> [FC 400 shares=a -> RELU]*2 -> FC 10",
    "branches": "CONV 16 3x3 same -> RELU -> { CONV 16 3x3 same -> SIGMOID | PASS } MUL -> "
    "{ PASS | TANH | CONV 16 1x1 } ADD -> { PASS | RELU } CONCAT -> MAXPOOL 2 -> FC 10",
    "map": "CONV 32 3x3 same -> BN -> SILU -> CONV 7 1x1",
}


def test_a_step_counted_by_hand() -> None:
    answer = training_memory(parse("INPUT 10 -> FC 8 -> RELU -> FC 4"), batch=2)
    assert answer.weights == answer.gradients == 4 * (88 + 36)
    assert answer.pictures == 4 * 20
    # Of fc1 nothing: its reader keeps its own output, which fc2 keeps too. The scores leave.
    assert answer.kept == {
        "input": 0,
        "fc1": 0,
        "relu1": 4 * 16,
        "fc2": 4 * 8,
        "loss of fc2": 4 * 8 + 4 + 4,
    }
    # At the backward of fc1 there are all gradients, the scores with their loss, and fc1's error.
    assert answer.peak == answer.weights + answer.pictures + answer.gradients + 4 * (8 + 1 + 16)


@pytest.mark.parametrize("name", SMALLER)
def test_catalog_networks_take_what_is_said(name: str) -> None:
    graph = parse(NETWORKS[name].notation.replace("3x224x224", "3x96x96"))
    check(graph, SMALLER[name], 0.03)


@pytest.mark.parametrize("name", NOVEL)
def test_networks_without_workspace_take_what_is_said(name: str) -> None:
    (before, *_) = torch.backends.mkldnn.set_flags(False)
    try:
        check(parse(f"INPUT 3x32x32 -> {NOVEL[name]}"), 32, 0.01)
    finally:
        torch.backends.mkldnn.set_flags(before)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """As `docs/memory.md` measures: each thread has a workspace of its own."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def check(graph: Graph, batch: int, within: float) -> None:
    said, real = training_memory(graph, batch).peak, training_peak(graph, batch)
    assert said == pytest.approx(real, rel=within)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_keep_what_is_said(name: str) -> None:
    weights = [torch.nn.Parameter(torch.ones(30, 40))]
    update = optimizer(name, weights, lr=0.1)
    (weights[0] * 2).sum().backward()
    update.step()
    kept = [t for state in update.state.values() for t in state.values() if t is not None]
    arrays = [t for t in kept if isinstance(t, torch.Tensor) and t.numel() == 1200]
    assert len(arrays) == STATES[name]
    answer = training_memory(parse("INPUT 4 -> FC 3"), 50)
    assert answer.with_optimizer(name) == answer.peak + len(arrays) * answer.gradients


def test_a_network_without_weights_keeps_nothing() -> None:
    answer = training_memory(parse("INPUT 5 -> RELU -> TANH"), 3)
    assert (answer.weights, answer.gradients, sum(answer.kept.values())) == (0, 0, 4 * 15 + 4)


def test_the_usual_batch_is_that_of_training() -> None:
    assert Recipe().batch_size == BATCH


def test_a_step_on_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="0 pictures"):
        training_memory(parse("INPUT 5 -> FC 2"), 0)


def test_the_table_says_it() -> None:
    answer = table("INPUT 1x8x8 -> CONV 2 3x3 -> RELU -> FC 3", batch=7)
    said = training_memory(parse("INPUT 1x8x8 -> CONV 2 3x3 -> RELU -> FC 3"), 7)
    assert said.headline in " ".join(str(answer).split())
    assert answer.to_json()["training_memory"] == json.loads(json.dumps(said.to_json()))


def test_it_is_said_without_pytorch() -> None:
    text = "import sys, striate; striate.table('resnet18'); print('torch' in sys.modules)"
    text = text.replace("'resnet18'", repr(NETWORKS["resnet18"].notation))
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
