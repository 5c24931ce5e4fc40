"""`--ink` and odd names on the command line: what is said, what is done, what is refused."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from striate.cli import main
from striate.data import load

SMALL = "INPUT 1x8x8 -> CONV 4 3x3 -> RELU -> MAXPOOL 2 -> FC 10"


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    monkeypatch.setattr(sys, "argv", ["striate", *words])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a small network on the digits, which are light on dark."""
    from striate.training import train

    folder = tmp_path_factory.mktemp("ink") / "run"
    train(SMALL, "digits", run=folder, epochs=30, learning_rate=0.005)
    return folder


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Test digits in dark ink in the corner of light sheets, in class folders, 6 a class."""
    root, test = tmp_path_factory.mktemp("papers"), load("digits").test
    for label in range(10):
        for number, row in enumerate(np.flatnonzero(test.labels == label)[:6].tolist()):
            digit = Image.fromarray(test.images[row, 0]).resize((60, 80))
            sheet = Image.new("L", (200, 240), 235)
            sheet.paste(Image.new("L", digit.size, 30), (20, 30), digit)
            place = root / "test" / str(label) / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            sheet.save(place)
            train = root / "train" / str(label) / f"{number}.png"
            train.parent.mkdir(parents=True, exist_ok=True)
            sheet.save(train)
    return root


def test_a_picture_from_another_world_is_told_and_laid_out(
    trained: Path,
    papers: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pictures = [str(papers / "test" / str(k) / "1.png") for k in range(10)]
    code, _, err = run(monkeypatch, capsys, "predict", str(trained), *pictures)
    assert code == 0
    assert err.count("ink is dark here and was light in training") == 10
    assert "try --ink auto" in err
    found = {}
    for ink in ("keep", "auto"):
        words = ("predict", str(trained), *pictures, "--ink", ink, "--json")
        form = json.loads(run(monkeypatch, capsys, *words)[1])
        found[ink] = [each["class"] for each in form["predictions"]]
        said = [
            any("ink is dark" in note for note in each["notes"]) for each in form["predictions"]
        ]
        assert all(said) if ink == "keep" else not any(said)
    right = {ink: sum(int(k) == n for n, k in enumerate(each)) for ink, each in found.items()}
    assert right["auto"] >= right["keep"] + 4
    code, out, err = run(monkeypatch, capsys, "why", str(trained), pictures[3], "fc1[3]")
    assert "ink is dark here" in err
    _, laid, err = run(
        monkeypatch, capsys, "why", str(trained), pictures[3], "fc1[3]", "--ink", "auto"
    )
    assert "ink is dark" not in err
    assert laid != out


def test_evaluate_lays_a_folder_out(
    trained: Path,
    papers: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("evaluate", str(trained), "--data", str(papers), "--json")
    kept = json.loads(run(monkeypatch, capsys, *words)[1])
    laid = json.loads(run(monkeypatch, capsys, *words, "--ink", "auto")[1])
    assert laid["pictures"] == kept["pictures"] == 60
    assert laid["accuracy"] > kept["accuracy"] + 0.3
    _, _, err = run(monkeypatch, capsys, *words[:-1])
    assert "few pictures to learn from" not in err, "they are judged"
    assert "ink is dark here and was light in training (60 of 60 pictures)" in err
    code, _, err = run(monkeypatch, capsys, *words, "--ink", "dark")
    assert code == 2
    assert "--ink is keep or auto, not 'dark'" in err


def test_names_that_are_no_text_end_in_a_word_not_a_traceback(
    tmp_path: Path,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    image = Image.fromarray(load("digits").test.images[0, 0])
    odd = os.fsdecode(b"ot\xe9.png")
    for place in (
        "0/1.png",
        "0/2.png",
        "1/1.png",
        "1/2.png",
        f"1/{odd}",
        os.fsdecode(b"\xe9/1.png"),
    ):
        path = tmp_path / "data" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    words = ("--data", "data", "--epochs", "1", "--run", "run", "--quiet")
    code, _, err = run(monkeypatch, capsys, "train", SMALL.replace("10", "2"), *words)
    assert code == 2
    assert r"the name of the class folder '\xe9' cannot be written as text" in err
    (tmp_path / "data" / os.fsdecode(b"\xe9")).rename(tmp_path / "data" / "2")
    code, _, err = run(monkeypatch, capsys, "train", SMALL.replace("10", "3"), *words)
    assert code == 0, err
    code, _, _ = run(monkeypatch, capsys, "evaluate", "run", "--split", "all", "--json")
    assert code == 0
    code, out, _ = run(monkeypatch, capsys, "predict", str(trained), str(tmp_path / "data/1" / odd))
    assert r"ot\xe9.png" in out
    code, out, _ = run(
        monkeypatch, capsys, "predict", str(trained), str(tmp_path / "data/1" / odd), "--json"
    )
    assert code == 0
    assert r"ot\xe9.png" in json.loads(out)["predictions"][0]["picture"]


def test_a_misspelled_way_is_a_wrong_request(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "predict", str(trained), "digits#0", "--ink", "autoo")
    assert (code, out) == (2, "")
    assert "Did you mean auto?" in err
