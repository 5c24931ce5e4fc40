"""MNIST to 99 % test accuracy, from process start to done: `striate train` and plain PyTorch.

    STRIATE_DATA=... python benchmarks/to_99.py [--seeds 3] [--threads 2] [--json FILE]

The same network and recipe twice: `striate train`, and plain_mnist.py. Every run is a process of
its own; they take turns, once for each seed. What counts is all a person waits for: loading
Python and PyTorch, reading the digits, training, testing, writing the model. Before that Striate
runs once with an empty cache: the first run ever on a machine, which builds and chooses kernels.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NETWORK = (
    "INPUT 1x28x28 -> CONV 20 5x5 -> RELU -> MAXPOOL 2 -> CONV 50 5x5 -> RELU -> MAXPOOL 2"
    " -> FC 500 -> RELU -> FC 10"
)
RECIPE = {
    "epochs": 2,
    "batch_size": 256,
    "optimizer": "adam",
    "learning_rate": 0.005,
    "schedule": "onecycle",
    "validation": 0,
}
ENOUGH = 0.99
STRIATE = "from striate.cli import main; main()"
PARTS = """
import json, time
marks = [time.perf_counter()]
import torch
marks.append(time.perf_counter())
import striate.cli, striate.training, striate.pytorch
marks.append(time.perf_counter())
striate.data.load("mnist", validation=0)
marks.append(time.perf_counter())
print(json.dumps([round(b - a, 2) for a, b in zip(marks, marks[1:])]))
"""


def timed(words: list[str], environment: dict[str, str]) -> tuple[float, float, str]:
    """Seconds of the wall and of the processor that a process took, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, worked, done.stdout


def striate(seed: int, environment: dict[str, str], folder: Path) -> dict[str, Any]:
    """One `striate train`."""
    settings = [f"{key}={value}" for key, value in RECIPE.items()]
    words = [sys.executable, "-c", STRIATE, "train", NETWORK, "--data", "mnist", f"seed={seed}"]
    run = folder / f"run-{len(list(folder.iterdir()))}"
    words += [*settings, "--run", str(run), "--quiet", "--json"]
    wall, worked, printed = timed(words, environment)
    told = json.loads(printed)
    return figures(wall, worked, told["test_accuracy"]) | {"training": told["seconds"]}


def plain(seed: int, environment: dict[str, str], _: Path) -> dict[str, Any]:
    """One run of the plain script."""
    data = Path(environment["STRIATE_DATA"]) / "mnist"
    words = [sys.executable, str(HERE / "plain_mnist.py"), str(data), "--seed", str(seed)]
    for key in ("epochs", "batch_size", "learning_rate"):
        words += [f"--{key.replace('_', '-')}", str(RECIPE[key])]
    wall, worked, printed = timed(words, environment)
    return figures(wall, worked, json.loads(printed)["test_accuracy"])


def figures(wall: float, worked: float, accuracy: float) -> dict[str, Any]:
    """Rounded, by name."""
    return {"wall": round(wall, 2), "processor": round(worked, 2), "test_accuracy": accuracy}


def measured(seeds: int, environment: dict[str, str]) -> dict[str, Any]:
    """First run, building, and the runs in turn; with a cache folder of its own."""
    runs: dict[str, list[dict[str, Any]]] = {"striate": [], "plain": []}
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
        environment = {**environment, "XDG_CACHE_HOME": cache}
        first = striate(0, environment, Path(folder))
        print("striate, first run ever", first, flush=True)
        for seed in range(seeds):
            for name, made in runs.items():
                run = striate if name == "striate" else plain
                made.append({"seed": seed, **run(seed, environment, Path(folder))})
                print(name, made[-1], flush=True)
    return {
        "first_run_ever": first,
        "split": split(runs["striate"], environment),
        "runs": runs,
        "ratio": {
            clock: round(
                statistics.median(
                    theirs[clock] / ours[clock]
                    for ours, theirs in zip(runs["striate"], runs["plain"], strict=True)
                ),
                2,
            )
            for clock in ("wall", "processor")
        },
        "enough": all(one["test_accuracy"] >= ENOUGH for each in runs.values() for one in each),
    }


def split(runs: list[dict[str, Any]], environment: dict[str, str]) -> dict[str, float]:
    """Where Striate's seconds of the wall go; loading and reading are measured apart."""
    pieces = [json.loads(timed([sys.executable, "-c", PARTS], environment)[2]) for _ in range(5)]
    torch, own, digits = (statistics.median(each) for each in zip(*pieces, strict=True))
    wall, training = (statistics.median(run[key] for run in runs) for key in ("wall", "training"))
    found = {"importing PyTorch": torch, "importing Striate": own, "reading the digits": digits}
    found |= {
        "training": training,
        "testing, writing, the rest": wall - training - sum(found.values()),
    }
    return {key: round(value, 2) for key, value in found.items()}


def machine(threads: int) -> dict[str, Any]:
    """Where and with what."""
    import torch

    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": next((x.split(": ")[1] for x in lines if x.startswith("model name")), ""),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "load_average": round(os.getloadavg()[0], 1),
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure, and say what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    where = machine(given.threads)
    found = measured(given.seeds, {**os.environ, "OMP_NUM_THREADS": str(given.threads)})
    answer = {"network": NETWORK, "recipe": RECIPE, **where, **found}
    print(json.dumps({key: answer[key] for key in ("ratio", "split", "enough")}))
    if given.json:
        given.json.write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
