"""A folder of real color pictures, from files to a trained network and its predictions."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from striate.cli import main

TEXT = (
    "INPUT 3x32x32 -> [CONV 16 3x3 same -> RELU -> MAXPOOL 2]*2 -> CONV 32 3x3 same -> RELU"
    " -> MAXPOOL 2 -> FC 10"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 200 training pictures of each class, one folder a class."""
    archive = Path(os.environ.get("STRIATE_DATA", "")) / "cifar10" / "cifar10-jpeg.tar.gz"
    if not os.environ.get("STRIATE_DATA") or not archive.is_file():
        pytest.skip("no CIFAR-10 in STRIATE_DATA")
    root = tmp_path_factory.mktemp("cifar")
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            content = tar.extractfile(member) if "train" in path.parts else None
            if content is not None and int(path.stem) < 200:
                place = root / path.parent.name / path.name
                place.parent.mkdir(exist_ok=True)
                place.write_bytes(content.read())
    return root


def _answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["striate", *words, "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_two_thousand_pictures_train_and_are_predicted(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    classes = sorted(each.name for each in folder.iterdir())
    text = TEXT.replace("FC 10", f"FC {len(classes)}")
    (folder / classes[0] / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    words = ("train", text, "--data", str(folder), "--epochs", "4", "--run", str(tmp_path / "run"))
    result = _answer(monkeypatch, capsys, *words)
    chance = 1 / len(classes)
    assert result["test_accuracy"] > 1.5 * chance
    pictures = [str(next((folder / name).iterdir())) for name in classes[:3]]
    answer = _answer(monkeypatch, capsys, "predict", str(tmp_path / "run"), *pictures)
    assert {each["class"] for each in answer["predictions"]} <= set(classes)
