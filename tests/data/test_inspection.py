"""What is said of pictures before training, counted on pictures made to have each trouble once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate
from data.making import color, encoded, folder, gray, plain_classes
from striate.data import inspect, load
from striate.data.leaks import Leak, twins


def troubled(root: Path) -> Path:
    """One picture each unreadable, colored, larger, leaked, in two classes, and there twice."""
    files: dict[str, Any] = plain_classes(
        {"train/cat": 4, "train/dog": 4, "test/cat": 2, "test/dog": 2}
    )
    files["test/cat/001.png"] = files["train/cat/002.png"]
    files["train/dog/003.png"] = files["train/cat/000.png"]
    files["train/dog/002.png"] = files["train/dog/001.png"]
    files["train/cat/003.png"] = color(7)
    files["test/dog/001.png"] = gray(9, 22, 14)
    files["test/dog/002.png"] = encoded(gray(8))[:60]
    files["train/dog/notes.txt"] = b"a dog"
    return folder(root, files)


def test_each_trouble_is_counted_and_named(tmp_path: Path) -> None:
    found = inspect(troubled(tmp_path / "own"), validation=0).to_json()
    assert found["schema_version"] == 1
    assert found["pictures"] == {"train": 8, "test": 4}
    totals = {name: sum(splits.values()) for name, splits in found["classes"].items()}
    assert totals == {"cat": 6, "dog": 6}
    assert set(found["small_classes"]) == {"cat", "dog"}
    assert found["sizes"] == [
        {"height": 11, "width": 7, "pictures": 12},
        {"height": 22, "width": 14, "pictures": 1},
    ]
    assert found["colors"] == {"gray": 11, "color": 1}
    ours = [leak for leak in found["leaks"] if leak["split"] == "test"]
    assert [(leak["other"], leak["pictures"]) for leak in ours] == [("train", 1)]
    ((mine, theirs),) = ours[0]["examples"]
    assert (Path(mine).parts[-3:], Path(theirs).parts[-3:]) == (
        ("test", "cat", "001.png"),
        ("train", "cat", "002.png"),
    )
    (pair,) = found["conflicts"]
    assert {Path(each["picture"]).parent.name for each in pair} == {"cat", "dog"}
    assert {each["label"] for each in pair} == {"cat", "dog"}
    assert any("002.png: damaged" in problem for problem in found["problems"])
    assert any("1 files are not pictures" in problem for problem in found["problems"])


def test_a_run_is_told_of_leaks_whatever_its_pictures_come_as(tmp_path: Path) -> None:
    x = np.stack([gray(k) for k in range(40)])
    y = np.arange(40) % 2
    data = load({"train": (x[:30], y[:30]), "test": (x[20:], y[20:])}, validation=0)
    assert "10 of 20 test pictures equal one of train (test[0] = train[20])" in data.notes[-1]
    assert not any("equal" in each for each in load((x, y)).notes)
    streamed = load(troubled(tmp_path), validation=0, in_memory=0)
    kept = load(troubled(tmp_path), validation=0)
    assert streamed.notes == kept.notes
    assert any("1 of 4 test pictures equal one of train" in each for each in kept.notes)
    assert any("1 picture has another class than an equal one" in each for each in kept.notes)


def test_equal_pictures_are_those_with_equal_bytes() -> None:
    x = np.stack([gray(k)[None] for k in (1, 1, 2, 3)])
    split = striate.data.Split(x, np.array([0, 1, 0, 0]))
    other = striate.data.Split(x[[2, 0, 2]], np.array([0, 0, 0]))
    found = twins({"train": split, "validation": None, "test": other}, ["a", "b"])
    examples = (("test[0]", "train[2]"), ("test[1]", "train[0]"))
    assert found.leaks == (Leak("test", "train", 3, 3, examples),)
    assert found.repeated == {"train": 1, "test": 1}
    assert [(each.first, each.second) for each in found.conflicts] == [
        (("train[0]", "a"), ("train[1]", "b"))
    ]


@pytest.mark.parametrize("again", [True, False])
def test_arrays_are_judged_by_what_was_held_out_of_them(again: bool, tmp_path: Path) -> None:
    """Arrays have no name: those that were learned from are known by what they hold."""
    x, y = np.stack([gray(k) for k in range(60)]), np.arange(60) % 3
    run = striate.train("INPUT 1x11x7 -> FC 3", (x, y), run=tmp_path / "run", epochs=1, quiet=True)
    judged = striate.evaluate(run.folder, (x, y) if again else (x[:50], y[:50]))
    assert judged.pictures == (12 if again else 50)
