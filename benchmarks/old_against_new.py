"""Another tree of this repository against this one: training steps and predictions, in turns.

    git worktree add ../old COMMIT
    python benchmarks/old_against_new.py ../old --threads 2

Each tree has a process of its own, which keeps its networks ready; one works while the other
waits. A ratio is the median over the rounds of old time over new time: above 1 the new tree is
faster. The numbers go to benchmarks/results/old-against-new.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/results/old-against-new.json"
WARM_UP = 3
WORKER = """
import json, sys, time
import numpy as np
import torch
from striate.notation import parse
try:
    from striate.engine import LossGradients as Gradients
    from striate.engine import freeze, lower, optimizer
except ImportError:
    from striate.pytorch import freeze, lower, optimizer
    from striate.pytorch.gradients import Gradients
from striate.initialize import initialize

settings = json.loads(sys.argv[1])
torch.set_num_threads(settings["threads"])
clock = time.thread_time if settings["processor_time"] else time.perf_counter
made = {}

def prepared(net):
    if net["name"] not in made:
        graph = parse(net["text"])
        weights = initialize(graph)
        shape = graph.specs[graph.inputs[0].name].shape
        rng = np.random.default_rng(0)
        x = torch.from_numpy(rng.standard_normal((net["batch"], *shape)).astype(np.float32))
        y = torch.from_numpy(rng.integers(10, size=net["batch"]))
        if net["frozen"]:
            frozen = freeze(graph, weights)
            made[net["name"]] = lambda: frozen(x)
        else:
            module = lower(graph, weights)
            gradients = Gradients(graph, module)
            update = optimizer(net["optimizer"], module, 1e-4)
            def step():
                gradients(x, y)
                update.step()
            made[net["name"]] = step
    return made[net["name"]]

for line in sys.stdin:
    net = json.loads(line)
    run = prepared(net)
    run()
    begin = clock()
    for _ in range(net["calls"]):
        run()
    print(json.dumps((clock() - begin) / net["calls"]), flush=True)
"""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Args:
        name: of the network, its batch and what is done.
        calls: in a turn.
    """

    name: str
    text: str
    batch: int
    optimizer: str
    frozen: bool
    calls: int


class Worker:
    """A process that runs one tree."""

    def __init__(self, tree: Path, settings: dict[str, Any]) -> None:
        threads = str(settings["threads"])
        environment = {
            **os.environ,
            "PYTHONPATH": str(tree / "src"),
            "OMP_NUM_THREADS": threads,
            "OMP_WAIT_POLICY": "passive",  # a process that waits leaves the cores to the other
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, json.dumps(settings)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, case: Case) -> float:
        """Of one call, after one that does not count."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(vars(case)) + "\n")
        self._process.stdin.flush()
        return float(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def cases(nets: list[str], batches: list[int]) -> list[Case]:
    """Training with each network's own batch, predictions with each of `batches`."""
    from striate.bench.nets import NETS

    found = []
    for name in nets:
        net, is_large = NETS[name], name in ("resnet18", "vgg16_bn")
        training = (net.text, net.batch, net.optimizer, False, 1 if is_large else 5)
        found.append(Case(f"{name}, training, {net.batch}", *training))
        for batch in batches:
            calls = 2 if is_large else 200 if batch == 1 else 20
            found.append(
                Case(f"{name}, frozen, {batch}", net.text, batch, net.optimizer, True, calls)
            )
    return found


def measured(old: Worker, new: Worker, case: Case, rounds: int) -> dict[str, float]:
    """Median milliseconds of both, and of their ratios; the ratio of their shortest times.

    Others' load on the machine disturbs medians of single pictures by whole multiples, the
    shortest times hardly.
    """
    times: list[tuple[float, float]] = []
    for k in range(WARM_UP + rounds):
        if k % 2:
            second, first = new.seconds(case), old.seconds(case)
        else:
            first, second = old.seconds(case), new.seconds(case)
        times.append((first, second))
    kept = times[WARM_UP:]
    return {
        "old_ms": round(1e3 * statistics.median(a for a, _ in kept), 4),
        "new_ms": round(1e3 * statistics.median(b for _, b in kept), 4),
        "ratio": round(statistics.median(a / b for a, b in kept), 3),
        "shortest_ratio": round(min(a for a, _ in kept) / min(b for _, b in kept), 3),
    }


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path, help="the other tree")
    parser.add_argument("--nets", default="A,B,C,resnet18,vgg16_bn")
    parser.add_argument("--batches", default="1,32", help="of predictions")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--processor-time", action="store_true", help="of one thread")
    parser.add_argument("--output", type=Path, default=RESULTS)
    given = parser.parse_args()
    settings = {"threads": given.threads, "processor_time": given.processor_time}
    if given.processor_time:
        settings["threads"] = 1
    old, new = Worker(given.old.resolve(), settings), Worker(ROOT, settings)
    found = {}
    for case in cases(given.nets.split(","), list(map(int, given.batches.split(",")))):
        found[case.name] = row = measured(old, new, case, given.rounds)
        print(
            f"{case.name:26} {row['old_ms']:10.3f} {row['new_ms']:10.3f} {row['ratio']:7.3f}",
            f"{row['shortest_ratio']:7.3f}",
        )
    for worker in (old, new):
        worker.close()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=given.old,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    about = {"date": date.today().isoformat(), "old": commit, "rounds": given.rounds, **settings}
    given.output.write_text(json.dumps({**about, "cases": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
