"""`striate data`, and training on a table and on a NumPy file from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from command import Striate
from data.making import folder, gray, plain_classes


def test_what_is_there(striate: Striate) -> None:
    said = striate("data", "digits").out
    assert "digits: 1,797 pictures in 10 classes" in said
    assert "sizes: all 8x8" in said
    found = json.loads(striate("data", "digits", "--json").out)
    assert sum(found["pictures"].values()) == 1797
    assert found["leaks"] == []


def test_own_pictures_from_a_table_and_a_file(striate: Striate, tmp_path: Path) -> None:
    top = folder(tmp_path / "own", plain_classes({"cat": 20, "dog": 20}, height=9, width=9))
    table = top / "labels.csv"
    table.write_text("".join(f"{c}/{k:03d}.png,{c}\n" for c in ("cat", "dog") for k in range(20)))
    x = np.stack([gray(k, 9, 9) for k in range(40)])
    np.savez(top / "own.npz", x=x, y=np.arange(40) % 2)
    for data in ("labels.csv", "own.npz"):
        run = tmp_path / f"run-{data}"
        network = "INPUT 1x9x9 -> FC 2"
        place = str(top / data)
        done = striate(
            "train", network, "--data", place, "--epochs", "1", "--run", str(run), "--quiet"
        )
        assert done.code == 0, done.err
        assert striate("evaluate", str(run)).code == 0
        assert striate("predict", str(run), str(top / "cat" / "000.png")).code == 0
        assert "40 pictures in 2 classes" in striate("data", place).out
