"""Training commands as a newcomer types them: from any folder, into a closed pipe, with little."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command import Striate


def pictures(root: Path, counts: dict[str, int]) -> Path:
    """A folder of random gray pictures, 9x8: so many per class folder."""
    random = np.random.default_rng(1)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for k in range(count):
            pixels = random.integers(0, 256, (9, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{k}.png")
    return root


def _next(out: str) -> list[list[str]]:
    lines = out.partition("Next:\n")[2].splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("  striate ")]


@pytest.mark.parametrize("data", ["my pets", "digits"])
def test_every_command_under_next_works_from_any_folder(
    striate: Striate, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "my pets", {"cat": 9, "dog": 8})
    network = "INPUT 1x9x8 -> CONV 2 3x3 -> RELU -> FC 2"
    if data == "digits":
        network = "INPUT 1x8x8 -> FC 10"
    done = striate("train", network, "--data", data, "epochs=1", "--run", "my run")
    assert done.code == 0
    commands = _next(done.out)
    assert [words[0] for words in commands] == ["evaluate", "predict", "why", "show"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for words in commands:
        assert striate(*words).code == 0, words
    again = striate("train", "--config", str(tmp_path / "my run/config.yaml"), "--run", "again")
    assert again.code == 0
    assert Path("again/last.safetensors").exists()
    assert striate("train", "--resume", str(tmp_path / "my run")).code == 0


def test_a_named_set_is_found_where_it_was(
    striate: Striate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In --data-dir, from another folder and without it."""
    from striate.data import mnist

    asked: list[object] = []

    def found(kind: object, place: Path | None) -> None:
        asked.append(place)

    monkeypatch.setattr(mnist, "_found", found)
    monkeypatch.setattr(mnist, "_fetched", lambda kind, progress: _four(tmp_path))
    (tmp_path / "sets").mkdir()
    words = ("train", "INPUT 1x28x28 -> FC 10", "--data", "mnist", "validation=0", "epochs=1")
    done = striate(*words, "--data-dir", "sets", "--run", "run")
    assert done.code == 0, done.err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for each in (*_next(done.out), ["train", "--resume", str(tmp_path / "run")]):
        assert striate(*each).code == 0
    assert set(map(str, asked)) == {str(tmp_path / "sets"), "sets"}


def _four(folder: Path) -> list[Path]:
    import struct

    files = []
    for name, shape in (("a", (40, 28, 28)), ("b", (40,)), ("c", (20, 28, 28)), ("d", (20,))):
        values = np.random.default_rng(0).integers(0, 256 if len(shape) > 1 else 10, shape)
        head = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        (folder / name).write_bytes(head + values.astype(np.uint8).tobytes())
        files.append(folder / name)
    return files


@pytest.mark.parametrize("network", ["INPUT 1x9x8 -> CONV 2 3x3 -> RELU -> FC 2", "cnn_matlab"])
def test_pretrain_prints_what_goes_on(striate: Striate, tmp_path: Path, network: str) -> None:
    pictures(tmp_path / "my pets", {"cat": 9, "dog": 8})
    words = ("pretrain", network, "--data", "my pets", "--epochs", "1", "-o", "kernels.safetensors")
    (command,) = _next(striate(*words).out)
    assert striate(*command, "epochs=1").code == 0


def test_training_goes_on_when_its_reader_has_left(tmp_path: Path) -> None:
    code = "from striate.cli import main; import sys; sys.argv[0] = 'striate'; main()"
    words = [sys.executable, "-c", code, "train", "INPUT 1x8x8 -> FC 10", "epochs=3", "--run", "r"]
    process = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    with process as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0
    assert len((tmp_path / "r" / "metrics.csv").read_text().splitlines()) == 4


def test_evaluate_judges_all_pictures_of_another_folder(striate: Striate, tmp_path: Path) -> None:
    pictures(tmp_path / "pets", {"cat": 9, "dog": 8})
    pictures(tmp_path / "others", {"cat": 7, "dog": 9})
    pictures(tmp_path / "only" / "test", {"cat": 3})
    striate("train", "INPUT 1x9x8 -> FC 2", "--data", "pets", "epochs=1", "--run", "run")
    form = json.loads(striate("evaluate", "run", "--data", "others", "--json").out)
    assert form["pictures"] == 16
    own = json.loads(striate("evaluate", "run", "--data", "pets", "--json").out)
    assert own["pictures"] == json.loads(striate("evaluate", "run", "--json").out)["pictures"] == 3
    judged = striate("evaluate", "run", "--data", "only")
    assert "of 3 pictures" in judged.out
    scores, confused = (x for x in judged.out.splitlines() if x.startswith(" dog "))
    assert scores.split()[:2] == ["dog", "·"]
    assert confused.rstrip().endswith("no pictures")
    assert striate("evaluate", "run", "--data", "others", "--split", "train").code == 2


def test_svm_says_what_it_does(striate: Striate) -> None:
    striate("train", "INPUT 1x8x8 -> FC 10", "epochs=1", "--run", "run")
    done = striate("svm", "run", "-o", "svm.safetensors")
    assert "training pictures" in done.err
    assert "class 10 of 10: 9 against the others" in done.err
    assert done.out.count("\n") == 1


@pytest.mark.parametrize("target", ["0", "3", "5"])
def test_numbered_classes_are_meant_by_name(striate: Striate, tmp_path: Path, target: str) -> None:
    pictures(tmp_path / "coins", {"1": 6, "2": 6, "10": 6, "20": 6})
    striate("train", "INPUT 1x9x8 -> FC 4", "--data", "coins", "epochs=1", "--run", "run")
    asked = ("why", "run", "coins/1/0.png", "loss", "--json", "--target")
    done = striate(*asked, target)
    assert done.code == 2
    assert "meant by name, not by place" in done.err
    assert json.loads(striate(*asked, "20").out)["target"] == "20"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "~nobodyhere"), "home folder that does not exist"),
        (("--data", "mnist", "--data-dir", "~nobodyhere"), "home folder that does not exist"),
        (("--run", "~nobodyhere/run"), "home folder that does not exist"),
        (("--lr", "inf"), "learning_rate is inf"),
        (("--momentum", "0.9"), "momentum is 0.9, which does nothing where optimizer is adam"),
        (("seed=" + "9" * 5000,), "seed is"),
        (("name=x",), "a recipe has no setting 'name'"),
        (("quiet=yes",), "a recipe has no setting 'quiet'"),
    ],
)
def test_odd_requests_are_answered(striate: Striate, words: tuple[str, ...], said: str) -> None:
    done = striate("train", "INPUT 1x8x8 -> FC 10", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not Path("runs").exists()


def test_a_run_as_network_starts_from_its_weights(striate: Striate) -> None:
    striate("train", "INPUT 1x8x8 -> FC 10", "epochs=2", "--run", "run", "--batch-size", "50")
    done = striate("train", "run", "epochs=1", "--seed", "1")
    first, note = done.out.splitlines()[:2]
    assert "starting from the weights of" in first
    assert "--resume" in note
    assert "runs/network-digits-1" in done.out
    again = striate("train", "--config", "runs/network-digits-1/config.yaml", "--run", "again")
    assert "starting from the weights of" in again.out
    a, b = (
        Path(each, "last.safetensors").read_bytes() for each in ("runs/network-digits-1", "again")
    )
    assert a == b


def test_a_run_without_a_name_is_called_by_one_that_exists(striate: Striate) -> None:
    """`striate train` and `striate train lenet` are one run, and Python's is the same."""
    from striate.training import train

    few = ("--steps", "3", "--quiet")
    for words in ((), ("lenet",)):
        assert striate("train", *words, *few).code == 0
    train("lenet", steps=3, quiet=True)
    written = [Path(f"runs/lenet-digits-{k}/config.yaml").read_text() for k in (1, 2, 3)]
    assert written[0] == written[1] == written[2]
    assert "smoothing: 0.05" in written[0]
    assert striate("networks", "lenet").code == 0
