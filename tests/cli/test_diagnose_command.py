"""`striate diagnose`: exit codes, JSON, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command import Striate

TWICE = "INPUT 1x8x8 -> FC 10 -> SOFTMAX -> SOFTMAX"


def test_nothing_is_wrong(striate: Striate, trained: Path) -> None:
    done = striate("diagnose", str(trained))
    assert (done.code, done.err) == (0, "")
    assert "nothing is wrong by" in done.out
    assert json.loads(striate("diagnose", str(trained), "--json").out) == {
        "schema_version": 1,
        "verdicts": [],
    }


def test_a_verdict(striate: Striate) -> None:
    done = striate("diagnose", TWICE, "--json")
    assert done.code == 1
    (verdict,) = json.loads(done.out)["verdicts"]
    assert set(verdict) == {"kind", "layer", "evidence", "cause", "fix"}
    assert (verdict["kind"], verdict["layer"]) == ("softmax_twice", "softmax1")
    shown = striate("diagnose", TWICE)
    assert shown.code == 1
    assert "stays below 0.23" in " ".join(shown.out.split())
    assert "fix: striate train 'INPUT 1x8x8 -> FC 10 -> softmax2: SOFTMAX -> LOGLOSS'" in " ".join(
        shown.out.split()
    )


@pytest.mark.parametrize("words", [["nowhere"], ["lenet5", "--data", "nowhere"], ["runs/none"]])
def test_wrong_requests(striate: Striate, words: list[str]) -> None:
    done = striate("diagnose", *words)
    assert done.code == 2
    assert done.err.startswith("striate: ")
    assert "Traceback" not in done.err
