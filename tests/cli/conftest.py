"""Commands, each run in an empty folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from command import Done, Striate
from striate.cli import main
from striate.data import load

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"


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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a small network on the digits."""
    from striate.training import train

    folder = tmp_path_factory.mktemp("cli") / "run"
    train(SMALL, "digits", run=folder, epochs=2)
    return folder


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A digit, larger and in color."""
    path = tmp_path_factory.mktemp("cli") / "digit.png"
    Image.fromarray(load("digits").test.images[0, 0]).resize((40, 30)).convert("RGB").save(path)
    return path
