"""Does training end at the same place with the kernels as without? Several seeds, real digits.

    STRIATE_DATA=... python benchmarks/fused_convergence.py [--net C] [--epochs 10] [--seeds 5]

Each seed is trained twice by `striate train`'s own code, with `STRIATE_FUSED=off` and `on`, from
the same first weights, on the same batches. What differs is rounding, which training amplifies:
the two mean test accuracies must agree within the noise of seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from striate.bench.nets import NETS
from striate.bench.training import machine
from striate.training import Recipe, train


def trained(net: str, mode: str, seed: int, epochs: int) -> tuple[float, float]:
    """Test accuracy, and seconds of training."""
    os.environ["STRIATE_FUSED"] = mode
    given = NETS[net]
    recipe = Recipe(epochs=epochs, batch_size=given.batch, optimizer="adam", seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        result = train(given.text, "mnist", recipe, run=Path(folder) / "run")
    return result.test_accuracy or 0.0, result.seconds


def summary(off: list[float], on: list[float]) -> dict[str, Any]:
    """The mean difference, beside the standard error that seeds give to each mean."""
    differences = [b - a for a, b in zip(off, on, strict=True)]
    error = ((stdev(off) ** 2 + stdev(on) ** 2) / len(off)) ** 0.5
    return {
        "mean": {"off": round(fmean(off), 5), "on": round(fmean(on), 5)},
        "spread": {"off": round(stdev(off), 5), "on": round(stdev(on), 5)},
        "difference": round(fmean(differences), 5),
        "standard_error": round(error, 5),
        "within_noise": abs(fmean(differences)) <= 2 * error,
    }


def main() -> None:
    """Train all seeds both ways, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--net", default="C", choices="ABC")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5, help="2 or more")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found: dict[str, list[float]] = {"off": [], "on": []}
    for seed in range(given.seeds):
        for mode, all_of in found.items():
            accuracy, seconds = trained(given.net, mode, seed, given.epochs)
            all_of.append(accuracy)
            print(f"seed {seed}, kernels {mode}: {accuracy:.4f} in {seconds:.0f} s", flush=True)
    answer = {
        **machine(),
        "net": NETS[given.net].text,
        "epochs": given.epochs,
        "test_accuracy": found,
        **summary(found["off"], found["on"]),
    }
    print(json.dumps(answer["difference"]), answer["within_noise"])
    if given.json:
        given.json.write_text(json.dumps(answer, indent=2) + "\n")


if __name__ == "__main__":
    main()
