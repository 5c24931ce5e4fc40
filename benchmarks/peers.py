"""Training steps of nets A, B and C beside JAX and TensorFlow, each in a process of its own.

    STRIATE_DATA=... python benchmarks/peers.py --peer jax=/path/to/its/python --peer tensorflow=…

All start from the same weights and train on the same digits in the same order. The processes take
a step in turn, so that the machine's moods hit all alike; the others wait meanwhile. A ratio is the
median of (peer's time / Striate's time) over the steps.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from to_99 import machine

from striate.bench import nets as bench_nets

HERE = Path(__file__).parent
WARM_UP = 3


def batches(net: str, steps: int, file: Path) -> None:
    """Write the digits that all train on."""
    taken = bench_nets.pictures((1, 28, 28), None)
    drawn = list(bench_nets.batches(taken, 10, bench_nets.NETS[net].batch, steps))
    np.savez(file, x=np.stack([x.numpy() for x, _ in drawn]), y=np.stack([y for _, y in drawn]))


def measured(net: str, peers: dict[str, str], given: argparse.Namespace) -> dict[str, Any]:
    """All of them on one net, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "batches.npz"
        batches(net, given.steps + WARM_UP, file)
        environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
        running = [
            subprocess.Popen(
                [python, str(HERE / f"peer_{peer}.py"), net, str(file), str(given.threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for peer, python in peers.items()
        ]
        names = [json.loads(one.stdout.readline())["name"] for one in running]
        found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(given.steps + WARM_UP):
            for name, one in zip(names, running, strict=True):
                one.stdin.write("\n")
                one.stdin.flush()
                found[name].append(json.loads(one.stdout.readline()))
        for one in running:
            one.stdin.close()
            one.wait()
    return summary(found, given.clock)


def summary(found: dict[str, list[dict[str, float]]], clock: str) -> dict[str, Any]:
    """Medians, and first and last losses, which show that all did the same."""
    times = {name: [1e3 * one[clock] for one in each][WARM_UP:] for name, each in found.items()}
    ours = times["Striate"]
    return {
        "milliseconds": {k: round(statistics.median(v), 2) for k, v in times.items()},
        "ratio": {
            k: round(statistics.median(a / b for a, b in zip(v, ours, strict=True)), 2)
            for k, v in times.items()
        },
        "losses": {k: [round(v[0]["loss"], 4), round(v[-1]["loss"], 4)] for k, v in found.items()},
    }


def main() -> None:
    """Measure, and say what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--nets", nargs="+", default=list("ABC"), choices=list("ABC"))
    parser.add_argument("--steps", type=int, default=21)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--clock", default="wall", choices=["wall", "processor"])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    peers = {"striate": sys.executable, **dict(each.split("=", 1) for each in given.peer)}
    answer = {**machine(given.threads), "clock": given.clock, "steps": given.steps, "nets": {}}
    for net in given.nets:
        answer["nets"][net] = measured(net, peers, given)
        print(net, json.dumps(answer["nets"][net]), flush=True)
    if given.json:
        given.json.write_text(json.dumps(answer, indent=1) + "\n")


if __name__ == "__main__":
    main()
