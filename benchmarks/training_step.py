"""A training step of ours beside hand-written PyTorch, on the same batches of real digits.

    STRIATE_DATA=... python benchmarks/training_step.py [--nets ABC] [--steps 31] [--save]

Nets A, B and C; forward, loss, backward, optimizer. Contenders, interleaved step by step:

    eager       what a beginner writes: contiguous pictures, default optimizer
    by hand     channels_last pictures and weights, fused optimizer
    plain       our module with fast=False and the default optimizer
    no kernels  our module and optimizer, STRIATE_FUSED=off
    ours        our module and optimizer, as they come

Every contender starts from the same weights and sees the same new batch in each step (a fixed
batch gets memorized, and its gradients sparse). A ratio is the median over the steps of
(contender's time / our time) of the same step. `--save` writes results/training_step.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate.data import Split, load
from striate.notation import parse
from striate.pytorch import loss_function, lower, optimizer

RESULT = Path(__file__).parent / "results" / "training_step.json"

NETS = {
    "A": (
        "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2] -> "
        "[CONV 64 5x5 same -> RELU -> MAXPOOL 2] -> FC 1024 -> RELU -> FC 10",
        128,
        "adam",
        1e-3,
    ),
    "B": (
        "INPUT 1x28x28 -> CONV 6 5x5 pad=2 -> SIGMOID -> AVGPOOL 2 -> CONV 16 5x5 -> SIGMOID -> "
        "AVGPOOL 2 -> FC 120 -> SIGMOID -> FC 84 -> SIGMOID -> FC 10",
        256,
        "sgd",
        0.5,
    ),
    "C": (
        "INPUT 1x28x28 -> CONV 20 5x5 -> MAXPOOL 2 -> TANH -> CONV 50 5x5 -> MAXPOOL 2 -> TANH -> "
        "FC 500 -> TANH -> FC 10",
        500,
        "sgd",
        0.1,
    ),
}


def by_hand(name: str) -> nn.Sequential:
    """The nets as a reader of a PyTorch tutorial writes them."""
    if name == "A":
        return nn.Sequential(
            *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Linear(1024, 10)),
        )
    if name == "B":
        return nn.Sequential(
            *(nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2)),
            *(nn.Flatten(), nn.Linear(400, 120), nn.Sigmoid()),
            *(nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10)),
        )
    return nn.Sequential(
        *(nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.Tanh()),
        *(nn.Conv2d(20, 50, 5), nn.MaxPool2d(2), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(800, 500), nn.Tanh(), nn.Linear(500, 10)),
    )


Step = Callable[[Tensor, Tensor], float]


def hand_step(name: str, start: nn.Module, *, fast: bool) -> Step:
    """A hand-written loop's step."""
    _, _, kind, rate = NETS[name]
    module = by_hand(name)
    module.load_state_dict(start.state_dict())
    if fast:
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    made = torch.optim.Adam if kind == "adam" else torch.optim.SGD
    update = made(module.parameters(), lr=rate, fused=fast or None)

    def step(x: Tensor, target: Tensor) -> float:
        if fast:
            x = x.to(memory_format=torch.channels_last)
        update.zero_grad()
        loss = F.cross_entropy(module(x), target)
        loss.backward()
        update.step()
        return loss.item()

    return step


def our_step(name: str, start: nn.Module, *, fast: bool) -> Step:
    """A step of our module."""
    text, _, kind, rate = NETS[name]
    graph = parse(text)
    module, loss_of = lower(graph, fast=fast), loss_function(graph)
    with torch.no_grad():
        for ours, theirs in zip(module.parameters(), start.parameters(), strict=True):
            ours.copy_(theirs)
    update = optimizer(kind, module, rate, fast=fast)

    def step(x: Tensor, target: Tensor) -> float:
        update.zero_grad()
        loss = loss_of(module(x), target)
        loss.backward()
        update.step()
        return loss.item()

    return step


def without_kernels(step: Step) -> Step:
    """The same step with STRIATE_FUSED=off, which is asked for at every call."""

    def quietly(x: Tensor, target: Tensor) -> float:
        before = os.environ.get("STRIATE_FUSED")
        os.environ["STRIATE_FUSED"] = "off"
        try:
            return step(x, target)
        finally:
            if before is None:
                del os.environ["STRIATE_FUSED"]
            else:
                os.environ["STRIATE_FUSED"] = before

    return quietly


def measured(name: str, split: Split, steps: int) -> dict[str, Any]:
    """Milliseconds a step and ratios to ours for one net."""
    torch.manual_seed(0)
    start = by_hand(name)
    contenders = {
        "eager": hand_step(name, start, fast=False),
        "by hand": hand_step(name, start, fast=True),
        "plain": our_step(name, start, fast=False),
        "no kernels": without_kernels(our_step(name, start, fast=True)),
        "ours": our_step(name, start, fast=True),
    }
    times: dict[str, list[float]] = {each: [] for each in contenders}
    losses: dict[str, list[float]] = {each: [] for each in contenders}
    rng = np.random.default_rng(0)
    warm_up = 3
    for _ in range(steps + warm_up):
        drawn = split.take(rng.choice(len(split), NETS[name][1], replace=False))
        x = torch.from_numpy(drawn.images.astype(np.float32) / 255)
        target = torch.from_numpy(np.asarray(drawn.labels, dtype=np.int64))
        for each, step in contenders.items():
            begin = time.perf_counter()
            loss = step(x, target)
            times[each].append(time.perf_counter() - begin)
            losses[each].append(loss)
    return summary({k: v[warm_up:] for k, v in times.items()}, losses)


def summary(times: dict[str, list[float]], losses: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, ratios, and how far the losses of the contenders are apart."""
    return {
        "milliseconds": {k: round(1e3 * statistics.median(v), 2) for k, v in times.items()},
        "times_ours": {
            k: round(statistics.median(a / b for a, b in zip(v, times["ours"], strict=True)), 3)
            for k, v in times.items()
        },
        "last_loss": {k: round(v[-1], 5) for k, v in losses.items()},
    }


def machine(threads: int) -> dict[str, Any]:
    """What was measured where and when."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": names[0] if names else platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def main() -> None:
    """Measure and print all three nets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=31)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nets", default="ABC")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    split = load("mnist").train
    if not isinstance(split, Split):
        raise SystemExit("MNIST should lie in memory")
    result: dict[str, Any] = {**machine(given.threads), "steps": given.steps, "nets": {}}
    for name in given.nets:
        result["nets"][name] = measured(name, split, given.steps)
        print(name, json.dumps(result["nets"][name]), flush=True)
    if given.save:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
