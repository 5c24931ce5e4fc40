"""Commands, each run in an empty folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from command import Done, Striate
from striate.cli import main


@pytest.fixture
def striate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Striate:
    """Run one command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["striate", *words])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run
