"""The engine of a frozen network: chosen by measuring, the same numbers from each."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from agreement import random_weights
from striate.bench.nets import subject
from striate.engine import Frozen, contest, freeze, lower, runtimes
from striate.engine.contest import OWN, TURN, TURNS
from striate.engine.runtimes import EngineName
from striate.errors import SettingError, ShapeError
from striate.notation import parse
from striate.pytorch import weights_of

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

SMALL = "INPUT 3x12x12 -> CONV 8 3x3 same -> BN -> RELU -> MAXPOOL 2 -> FLATTEN -> FC 5"
BRANCHED = (
    "INPUT 2x9x9 -> { CONV 6 3x3 same -> BN -> RELU | CONV 6 1x1 } ADD -> RELU -> "
    "GLOBALAVGPOOL -> FC 4 -> SOFTMAX"
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("STRIATE_FUSED", "off")
    monkeypatch.setattr(contest, "PATIENCE", 0.0)
    return tmp_path


def made(text: str, engine: EngineName) -> tuple[Frozen, Tensor]:
    graph = parse(text)
    weights = random_weights(graph, np.random.default_rng(0))
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((3, *graph.specs[graph.inputs[0].name].shape), generator=generator)
    return freeze(graph, weights, engine=engine), x


def raced(module: Frozen, x: Tensor) -> None:
    for _ in range(2 + TURN * TURNS * 3):
        module(x)


@pytest.mark.parametrize("text", [SMALL, BRANCHED])
def test_each_engine_answers_alike_and_says_its_name(text: str) -> None:
    plain, x = made(text, "pytorch")
    expected = plain(x)
    assert plain.engine == "pytorch"
    for name in (OWN, "onnxruntime"):
        module, _ = made(text, name)  # type: ignore[arg-type]
        found = module(x)
        assert module.engine == name
        assert not found.requires_grad
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5


def slowed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let an engine seem slow, by a clock that its calls move on."""
    now = [0.0]
    answer = contest.Contest._answer

    def counted(self: contest.Contest, chosen: str, *rest: object) -> object:
        now[0] += 2.0 if chosen == name else 1.0
        return answer(self, chosen, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(contest.Contest, "_answer", counted)
    monkeypatch.setattr(contest.time, "perf_counter", lambda: now[0])


@pytest.mark.parametrize(("slow", "wins"), [(OWN, "onnxruntime"), ("onnxruntime", OWN)])
def test_the_faster_engine_answers_and_is_remembered(
    slow: str, wins: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(contest, "RUNTIMES", {"onnxruntime": runtimes.RUNTIMES["onnxruntime"]})
    slowed(monkeypatch, slow)
    module, x = made(SMALL, "auto")
    raced(module, x)
    assert module.engine == wins
    ((at, found),) = module.measured.milliseconds.items()
    assert at == (4, torch.get_num_threads())
    assert found[slow] == 2 * found[wins] == 2000.0
    assert "2e+03 ms" in str(module.measured)
    assert any(
        "onnxruntime" in key for key in json.loads(next(tmp_path.rglob("choices.json")).read_text())
    )
    again, _ = made(SMALL, "auto")
    again(x)
    assert again.engine == OWN, "the first answer waits for no other engine"
    again(x)
    assert again.engine == wins
    assert again.measured.milliseconds == module.measured.milliseconds


def test_hooks_are_heard_and_new_weights_read() -> None:
    module, x = made(SMALL, "onnxruntime")
    before = module(x)
    heard: list[int] = []
    handle = next(iter(module.children())).register_forward_hook(lambda *_: heard.append(1))
    module(x)
    assert heard
    assert module.engine == "pytorch"
    handle.remove()
    for each in module.parameters():
        each.mul_(2.0)
    found = module(x)
    assert module.engine == "onnxruntime"
    assert not torch.allclose(found, before)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):  # noqa: S301
        assert torch.equal(twin(x), found)
        assert twin.engine == "onnxruntime"
    assert module.double()(x.double()).dtype is torch.float64


def test_an_engine_that_fails_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: bytes, __: int) -> runtimes.Answering:
        raise ValueError("no such operator")

    monkeypatch.setitem(runtimes.RUNTIMES, "onnxruntime", refuse)  # type: ignore[misc]
    module, x = made(SMALL, "auto")
    raced(module, x)
    assert module.engine == OWN
    assert "no such operator" in str(module.measured)
    with pytest.raises(SettingError, match="does not take the network: no such operator"):
        made(SMALL, "onnxruntime")


def test_a_wrong_name_and_a_wrong_shape_are_told() -> None:
    with pytest.raises(SettingError, match="there is no engine 'tensorflow'"):
        made(SMALL, "tensorflow")  # type: ignore[arg-type]
    module, x = made(SMALL, "onnxruntime")
    with pytest.raises(ShapeError):
        module(x[:, :2])


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "squeezenet1_1", "densenet121"])
def test_catalog_networks_are_answered_alike(name: str) -> None:
    _, _, graph = subject(name, 64)
    torch.manual_seed(0)
    weights, x = weights_of(lower(graph, fast=False)), torch.randn(2, 3, 64, 64)
    expected = freeze(graph, weights, engine="pytorch")(x)
    found = freeze(graph, weights, engine="onnxruntime")(x)
    assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5
