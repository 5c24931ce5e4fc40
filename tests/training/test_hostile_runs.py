"""Run folders that somebody damaged or made up, and folders whose names are not UTF-8."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import TEXT, digits

from striate.errors import RunError, SettingError, StriateError
from striate.exchange.arrays import read_arrays, write_arrays
from striate.training import Recipe, resume, train
from striate.training.resuming import read_config
from striate.training.run_folder import RunFolder, read_yaml

SETTINGS = {"epochs": 1, "batch_size": 80}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(TEXT, digits(), run=tmp_path_factory.mktemp("hostile") / "run", **SETTINGS).folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


BOMB = "a: &a [1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, "are not read"),
        ("a: 1\na: 2", "a is given twice"),
        ("[" * 100_000, "recursion"),
        ("\n".join(f"k{k}: 1" for k in range(11_000)), "more than 10,000 keys and values"),
        ("a: !!timestamp 2001-99-99", "month must be"),
        ("a: !!int ''", "out of range"),
        ("a: !!bool x", "'x'"),
        ("a: " + "9" * 5000, "limit"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("- a", "holds no settings by name"),
        ("#" * 4_000_001, "more than 4,000,000"),
        ("a: \x00", "special characters"),
    ],
)
def test_settings_that_are_traps(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(RunError, match=message) as refused:
        read_yaml(tmp_path / "config.yaml")
    assert "config.yaml" in refused.value.what
    assert len(str(refused.value)) < 1000


def test_a_date_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("date: 2001-99-99\nother: 2001-01-01")
    assert read_yaml(tmp_path / "config.yaml") == {"date": "2001-99-99", "other": "2001-01-01"}


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (os.mkfifo, "is a pipe"),
        (Path.mkdir, "is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    ],
)
def test_settings_that_are_no_file(
    make: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    make(tmp_path / "config.yaml")
    with pytest.raises(RunError, match=message):
        read_yaml(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("network", ["INPUT 5"]),
        ("network", None),
        ("data", 3),
        ("data", "a\0b"),
        ("recipe", []),
        ("name", 3),
        ("data_dir", []),
        ("data_sha256", {}),
        ("recipe", {1: 2}),
        ("recipe", {"start": ["a"]}),
        ("recipe", {"epochs": 10**400}),
        ("recipe", {"learning_rate": 10**400}),
        ("recipe", {"optimizer": {}}),
        ("recipe", {"flip": []}),
    ],
)
def test_each_entry_of_the_settings_is_of_its_kind(whole: Path, field: str, value: object) -> None:
    config = RunFolder(whole).read_config() | {field: value}
    with pytest.raises((RunError, SettingError), match=field if field != "recipe" else "."):
        read_config(config, Path("config.yaml"))


def test_texts_from_elsewhere_are_no_lists() -> None:
    with pytest.raises(SettingError, match="start is"):
        Recipe.from_dict({"start": ["a"]})


POSITIONS: dict[str, Any] = {
    "no table": [],
    "a field less": lambda at: at.pop("epoch"),
    "a field more": lambda at: at.update(more=1),
    "a text": lambda at: at.update(epoch="1"),
    "yes": lambda at: at.update(step=True),
    "a fraction": lambda at: at.update(step=1.5),
    "negative": lambda at: at.update(batch=-1),
    "400 digits": lambda at: at.update(pictures=10**400),
    "a loss of NaN": lambda at: at.update(loss_sum=float("nan")),
    "a list": lambda at: at.update(progress=[]),
    "half a table": lambda at: at.update(progress={"best_epoch": 1}),
    "rows of numbers": lambda at: at.update(history=[1]),
    "a row of texts": lambda at: at["history"][0].update(train_loss="low"),
    "finished without a step": lambda at: at.update(step=0),
    "finished in no time": lambda at: at.update(seconds=0.0),
    "finished without a row": lambda at: at.update(history=[]),
    "a surrogate": lambda at: at.update(data="\ud800"),
}


@pytest.mark.parametrize("case", POSITIONS)
def test_a_position_of_the_wrong_kinds(case: str, run: Path) -> None:
    arrays, metadata = read_arrays(run / "resume.safetensors")
    change = POSITIONS[case]
    if callable(change):
        change(metadata["position"])
    else:
        metadata["position"] = change
    write_arrays(run / "resume.safetensors", arrays, json.loads(json.dumps(metadata)))
    with pytest.raises(RunError, match=r"resume\.safetensors is damaged, or of another run"):
        resume(run, data=digits())


STATES: dict[str, Callable[[dict[str, np.ndarray]], object]] = {
    "a buffer too short": lambda a: a.update({"optimizer.0.exp_avg": np.zeros(1, np.float32)}),
    "a buffer less": lambda a: a.pop("optimizer.0.exp_avg_sq"),
    "a buffer more": lambda a: a.update({"optimizer.0.other": np.zeros(1, np.float32)}),
    "a buffer of whole numbers": lambda a: a.update({"optimizer.0.step": np.ones(1, np.int64)}),
    "a weight too many": lambda a: a.update(
        {f"optimizer.99.{k}": np.ones(1, np.float32) for k in ("step", "exp_avg", "exp_avg_sq")}
    ),
    "no number": lambda a: a.update({"optimizer.x.step": np.ones(1, np.float32)}),
    "more dots": lambda a: a.update({"optimizer.0.step.x": np.ones(1, np.float32)}),
    "a weight less": lambda a: a.pop("weights.conv1.weight"),
    "a weight too short": lambda a: a.update({"weights.conv1.weight": np.ones(1, np.float32)}),
}


@pytest.mark.parametrize("case", STATES)
def test_what_an_optimizer_would_read_beyond_its_end(case: str, run: Path) -> None:
    arrays, metadata = read_arrays(run / "resume.safetensors")
    STATES[case](arrays)
    write_arrays(run / "resume.safetensors", arrays, metadata)
    with pytest.raises(RunError, match=r"resume\.safetensors is damaged, or of another run"):
        resume(run, data=digits())


@pytest.mark.parametrize("file", ["config.yaml", "resume.safetensors", "best.safetensors"])
@pytest.mark.timeout(20)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(file: str, run: Path) -> None:
    (run / file).unlink()
    os.mkfifo(run / file)
    with pytest.raises(StriateError, match=r"pipe|no run folder"):
        resume(run, data=digits())


def test_folders_whose_names_are_no_utf8(tmp_path: Path) -> None:
    """A run in such a folder is trained, gone on with and judged; its pictures' folder is kept."""
    folder = tmp_path / os.fsdecode(b"r\xff\x1b[31mn")
    settings = SETTINGS | {"data_dir": tmp_path / os.fsdecode(b"d\xfe")}
    pictures = replace(digits(), name="mnist")  # as if they lay there
    result = train(TEXT, pictures, run=folder, **settings)
    config = RunFolder(folder).read_config()
    assert config["data_dir"] == str(settings["data_dir"].resolve())
    again = resume(folder, data=pictures)
    assert again.history == result.history
