"""What a run shows: in a terminal, a notebook, a pipe; and nothing when it shall be quiet."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from small import SETTINGS, TEXT, digits

from striate.training import Event, Loading, resume, train
from striate.training.progress import ProgressBar, is_live


class Stream(io.StringIO):
    """Standard output that may be a terminal, and whose reader may have left."""

    def __init__(self, *, terminal: bool = False, closed: bool = False) -> None:
        super().__init__()
        self.terminal, self.is_closed = terminal, closed

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        if self.is_closed:
            raise BrokenPipeError
        return super().write(text)


def _run(monkeypatch: pytest.MonkeyPatch, run: Path, stream: Stream, **how: Any) -> str:
    monkeypatch.setattr("striate.training.loop.SIGN_OF_LIFE", 0.0)
    monkeypatch.setattr(sys, "stdout", stream)
    train(TEXT, digits(), run=run, **SETTINGS, **how)
    return stream.getvalue()


def test_a_pipe_gets_a_line_for_each_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = _run(monkeypatch, tmp_path / "run", Stream())
    assert [line.split()[0] for line in told.splitlines()] == ["training", *["epoch"] * 3]
    assert "\x1b" not in told
    assert "\r" not in told
    resume(tmp_path / "run", data=digits())


def test_quiet_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _run(monkeypatch, tmp_path / "run", Stream(terminal=True), quiet=True)
    resume(tmp_path / "run", data=digits(), quiet=True)
    assert not sys.stdout.getvalue()  # type: ignore[attr-defined]


def test_a_terminal_gets_a_live_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    told = _run(monkeypatch, tmp_path / "run", Stream(terminal=True))
    assert "\x1b[" in told
    assert "images/s" in told


def test_a_command_in_a_notebook_is_not_flooded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`!striate train` runs in a terminal whose every state stays on the page."""
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert not is_live(Stream(terminal=True))
    told = _run(monkeypatch, tmp_path / "run", Stream(terminal=True))
    assert told.count("epoch") == told.count("\n") - 1 == 3


def test_python_in_a_notebook_writes_over_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setattr("striate.training.progress.OVERWRITTEN", 0.0)
    told = _run(monkeypatch, tmp_path / "run", Stream())
    assert told.count("\n") == 4
    last = [line.split("\r")[-1].rstrip() for line in told.strip().split("\n")]
    assert all(line.startswith(("training on", "epoch   ")) for line in last)
    assert told.count("\r") > 8


def test_loading_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    monkeypatch.setattr(sys, "stdout", stream := Stream())
    with ProgressBar() as listener:
        listener(Loading(512, 2048, "decoding"))
    assert "decoding pictures  25%  512 of 2,048" in stream.getvalue()


def test_a_run_goes_on_when_its_reader_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("striate.training.progress.hush", lambda stream: None)
    _run(monkeypatch, tmp_path / "run", Stream(closed=True))
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 4


def test_a_listener_of_ones_own_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Event] = []
    assert not _run(monkeypatch, tmp_path / "run", Stream(), on_event=told.append)
    assert told
