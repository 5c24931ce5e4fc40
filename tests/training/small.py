"""A run that takes a moment: few digits, a network with everything that is random or remembers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from striate.data import DataSet, load

TEXT = (
    "INPUT 1x8x8 -> CONV 6 3x3 same -> BN -> RELU -> MAXPOOL 2 -> CONV 9 3x3 -> RELU "
    "-> FC 13 -> RELU -> DROPOUT 0.2 -> FC 10"
)
SETTINGS: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 37,
    "weight_decay": 1e-3,
    "smoothing": 0.05,
    "shift": 1,
    "rotate": 8,
    "warmup": 0.5,
    "seed": 4,
}
LONG = {"epochs": 400, "batch_size": 11, "schedule": "constant"}
TIMES = ("seconds", "images_per_second")


@cache
def digits(train: int = 160) -> DataSet:
    """The bundled digits, the first of each split."""
    whole = load("digits")
    splits = {}
    for name, count in (("train", train), ("validation", 60), ("test", 70)):
        splits[name] = whole.split(name).take(np.arange(count))
    return replace(whole, **splits)


def metrics(run: Path) -> list[dict[str, str]]:
    """The rows of metrics.csv without what a clock said."""
    head, *rows = [line.split(",") for line in (run / "metrics.csv").read_text().splitlines()]
    named = [dict(zip(head, row, strict=True)) for row in rows]
    return [{key: value for key, value in row.items() if key not in TIMES} for row in named]


def assert_same_run(one: Path, other: Path) -> None:
    """Metrics but for times, and every bit of the best and the last weights."""
    assert metrics(one) == metrics(other)
    for name in ("best.safetensors", "last.safetensors"):
        a, b = load_file(one / name), load_file(other / name)
        assert a.keys() == b.keys()
        for key, array in a.items():
            assert array.tobytes() == b[key].tobytes(), f"{name}: {key}"
