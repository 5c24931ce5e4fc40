"""`striate compare`: what it prints, its JSON, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from command import Striate

ONE = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> FC 10"
TWO = "INPUT 1x8x8 -> CONV 4 5x5 -> RELU -> FC 10"


@pytest.fixture
def picture() -> str:
    """A picture of another size than the network takes."""
    Image.linear_gradient("L").resize((20, 30)).save("given.png")
    return "given.png"


def test_structure_alone(striate: Striate) -> None:
    done = striate("compare", ONE, TWO)
    assert done.code == 1
    assert "CONV 4 3x3 -> CONV 4 5x5" in " ".join(done.out.split())
    assert "they differ: 2 changes" in done.out
    assert striate("compare", ONE, ONE).code == 0


def test_the_json_is_as_it_is_written_down(striate: Striate) -> None:
    found = json.loads(striate("compare", ONE, TWO, "--json").out)
    assert found == {
        "schema_version": 1,
        "ok": False,
        "changes": [
            {"kind": "changed", "a": "conv1", "b": "conv1", "what": "CONV 4 3x3 -> CONV 4 5x5"},
            {"kind": "changed", "a": "fc1", "b": "fc1", "what": "weight 10x144 -> 10x64"},
        ],
        "differences": [],
        "first": None,
    }


def test_a_run_and_its_onnx_files(striate: Striate, trained: Path, picture: str) -> None:
    for name, more in (("bare.onnx", ("--raw",)), ("whole.onnx", ())):
        assert striate("export", str(trained), "--to", "onnx", "--out", name, *more).code == 0
        for given in ((), ("--picture", picture)):
            done = striate("compare", str(trained), name, *given)
            assert done.code == 0, done.out + done.err
            assert striate("compare", name, str(trained), *given).code == 0
    found = json.loads(striate("compare", str(trained), "whole.onnx", "--json").out)
    assert {each["kind"] for each in found["changes"]} == {"folded"}
    assert set(found["differences"][0]) == {"node", "largest", "mean"}
    assert (found["ok"], found["first"]) == (True, None)


def test_weights_for_a_network_that_has_none(striate: Striate, trained: Path) -> None:
    network = striate("export", str(trained), "--to", "notation").out
    file = str(trained / "best.safetensors")
    done = striate("compare", str(trained), network, "--weights", file)
    assert (done.code, "the same: 0 changes" in done.out) == (0, True)
    done = striate("compare", str(trained), str(trained), "--weights", file)
    assert (done.code, "weights do nothing here" in done.err) == (2, True)


def test_wrong_requests(striate: Striate, trained: Path, picture: str) -> None:
    for words, said in (
        ((ONE,), "missing argument 'B'"),
        ((ONE, "nothing"), "no network called nothing"),
        ((ONE, TWO, "--picture", picture), "the picture is not used"),
        ((ONE, TWO, "--tolerance", "-1"), "tolerance is -1"),
        ((str(trained), str(trained), "--picture", "none.png"), "there is no such file"),
        ((ONE, "weights.pth"), "--weights weights.pth"),
    ):
        Path("weights.pth").write_bytes(b"")
        done = striate("compare", *words)
        assert (done.code, said in done.err) == (2, True), done.err
