"""Photographs of digits with and without `--ink auto`, by a network that learned MNIST.

    STRIATE_DATA=... python benchmarks/ink.py [--pictures 120] [--seed 2026] [--save]

The photographs are drawn by ink_pictures.py: white, colored and ruled paper and blackboards, thin
and thick pens, pencil, slopes of light, hard and soft shadows, a table beside the paper, noise and
JPEG; digits of splines, of Pillow's font and of MNIST's test writers, anywhere and of any size.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import tempfile
from pathlib import Path

import numpy as np
from ink_pictures import SOURCES, photographs

from striate.data import load
from striate.data.preprocess import laid_out
from striate.errors import DataError
from striate.model import Model
from striate.notation import parse
from striate.training import evaluate, train
from striate.training.versions import versions

RESULT = Path(__file__).parent / "results" / "ink.json"
NETWORK = parse(
    "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 1024 -> RELU -> FC 10"
)
EPOCHS = 3
MNIST_CHECKED = 1000


def answers(model: Model, contents: list[bytes], ink: str) -> list[str]:
    """The class of each picture; "" where no ink is found."""
    found = []
    for content in contents:
        try:
            found.append(model.predict([content], ink=ink)[0].label)
        except DataError:
            found.append("")
    return found


def main() -> None:
    """Train, draw, judge; print and perhaps save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=120)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    data = load("mnist")
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        train(NETWORK, data, run=run, epochs=EPOCHS)
        model = Model.load(run / "best.safetensors")
    test = data.split("test")
    written = {k: test.images[test.labels == k][:, 0] for k in range(10)}
    drawn = list(photographs(given.pictures, given.seed, written))
    truths = np.array([str(each.digit) for each in drawn])
    sources = np.array([each.source for each in drawn])
    rows = {}
    for ink in ("keep", "auto"):
        right = np.array(answers(model, [each.content for each in drawn], ink)) == truths
        by_source = {name: round(float(right[sources == name].mean()), 4) for name in SOURCES}
        rows[ink] = {"accuracy": round(float(right.mean()), 4), **by_source}
        print(f"{ink}: {right.mean():.1%} of {len(right)}; {by_source}")
    told = [model.preprocessing.picture(each.content) for each in drawn]
    share = float(np.mean([bool(model.preprocessing.differences(image)) for image in told]))
    few = test.take(np.arange(MNIST_CHECKED))
    flagged = float(np.mean([bool(model.preprocessing.differences(each)) for each in few.images]))
    again = laid_out(few, model.preprocessing).images
    auto = np.array([int(each.label) for each in model.predict(list(again))])
    content = {
        "date": datetime.date.today().isoformat(),
        "cpu": platform.processor() or platform.machine(),
        **versions(),
        "pictures": given.pictures,
        "seed": given.seed,
        "photographs": rows,
        "photographs told to differ": round(share, 4),
        "MNIST test": round(evaluate(model, data).accuracy, 4),
        f"MNIST test, first {MNIST_CHECKED}, with auto": float((auto == few.labels).mean()),
        f"MNIST test, first {MNIST_CHECKED}, told to differ": round(flagged, 4),
    }
    print(json.dumps(content, indent=2))
    if given.save:
        RESULT.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
