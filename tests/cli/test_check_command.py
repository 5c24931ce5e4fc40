"""`striate check`: all engines agree; one that does not is found; what is missing is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command import Striate
from striate.model import Model
from striate.serve import check as ways
from striate.serve.check import AnswerEngine, check
from striate.serve.needed import is_there


def test_every_way_out_agrees(striate: Striate, trained: Path) -> None:
    done = striate("check", str(trained), "--data", "digits", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert set(found) == {"schema_version", "ok", "pictures", "engines"}
    assert (found["schema_version"], found["ok"]) == (1, True)
    assert found["pictures"] == 360
    wanted = {"pytorch", "frozen", "onnx"} | ({"http"} if is_there() else set())
    assert set(found["engines"]) == wanted
    for each in found["engines"].values():
        assert each["same_top1"] is True
        assert each["largest_difference"] < 1e-5
    assert (
        "the same answers on 20 pictures" in striate("check", str(trained), "--pictures", "20").out
    )


def test_another_answer_is_found(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def turned(model: Model) -> Iterator[AnswerEngine]:
        with ways.ENGINES["pytorch"](model) as plain:
            yield lambda pictures: plain(pictures)[:, ::-1]

    @contextmanager
    def rough(model: Model) -> Iterator[AnswerEngine]:
        with ways.ENGINES["pytorch"](model) as plain:
            yield lambda pictures: plain(pictures) + 0.02

    monkeypatch.setattr(ways, "ENGINES", {**ways.ENGINES, "onnx": turned, "http": rough})
    found = check(trained, "digits")
    assert not found.ok
    assert not found.engines["onnx"].same_top1
    assert found.engines["http"].same_top1
    assert found.engines["http"].largest_difference == pytest.approx(0.02)


def test_what_is_missing_is_named(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "is_there", lambda: False)
    monkeypatch.setattr(ways, "find_spec", lambda name: None)
    found = check(trained, "digits", most=5)
    assert found.ok
    assert list(found.engines) == ["pytorch", "frozen"]
    assert "striate[serve]" in found.skipped["http"]
    assert "striate[onnx]" in found.skipped["onnx"]


def test_wrong_requests(striate: Striate, trained: Path) -> None:
    for words in (["nowhere"], [str(trained), "--split", "none"], [str(trained), "--data", "no"]):
        done = striate("check", *words)
        assert (done.code, "Traceback" in done.err) == (2, False)
