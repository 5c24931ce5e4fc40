"""Training steps of three small networks with and without the fused kernels, interleaved.

    STRIATE_DATA=... python benchmarks/fused_nets.py [--nets ABC] [--steps 41] [--cpu] [--json FILE]

Real digits (MNIST, IDX files under $STRIATE_DATA/mnist), a new batch each step and the same for
every contender, so that no batch is memorized and gradients stay as dense as in training. A ratio
is the median over steps of (contender's time / fused time) of the same step. On a machine that
others use too, `--cpu` runs one thread and counts its processor time.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from striate.fused.conv_pool import ConvPool
from striate.fused.dense import Dense

BATCH = {"A": 128, "B": 256, "C": 500}


def network(name: str) -> nn.Sequential:
    """Nets A, B and C as a reader of a textbook writes them."""
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


def pool_first(net: nn.Sequential) -> nn.Sequential:
    """ReLU behind the max-pool and in place: the best plain PyTorch."""
    layers = list(net)
    for i in range(len(layers) - 1):
        if isinstance(layers[i], nn.ReLU) and isinstance(layers[i + 1], nn.MaxPool2d):
            layers[i], layers[i + 1] = layers[i + 1], nn.ReLU(inplace=True)
    return nn.Sequential(*layers)


def fused(name: str, net: nn.Sequential) -> nn.Sequential:
    """The same network with its convolutions, activations and pools in one step each."""
    activation = {"A": "relu", "B": "sigmoid", "C": "tanh"}[name]
    pool = "avg" if name == "B" else "max"
    first = ConvPool(net[0], activation, pool)
    second = ConvPool(net[3], activation, pool, channels_last=False)
    *hidden, final = (layer for layer in net if isinstance(layer, nn.Linear))
    rest = [Dense(layer, activation, measured=True) for layer in hidden]
    return nn.Sequential(first, second, nn.Flatten(), *rest, Dense(final, measured=True))


def optimizer(name: str, net: nn.Module, quick: bool) -> torch.optim.Optimizer:
    if name == "A":
        return torch.optim.Adam(net.parameters(), fused=quick)
    return torch.optim.SGD(net.parameters(), lr=0.5 if name == "B" else 0.05, fused=quick)


def contenders(name: str) -> dict[str, Callable[[Tensor, Tensor], float]]:
    torch.manual_seed(0)
    start = network(name)
    last = torch.channels_last
    nets = {
        "eager": (copy.deepcopy(start), False),
        "channels_last": (pool_first(copy.deepcopy(start)).to(memory_format=last), True),
        "fused": (fused(name, copy.deepcopy(start)), True),
    }
    return {key: stepper(name, net, quick) for key, (net, quick) in nets.items()}


def stepper(name: str, net: nn.Module, quick: bool) -> Callable[[Tensor, Tensor], float]:
    update = optimizer(name, net, quick)

    def step(x: Tensor, y: Tensor) -> float:
        loss = functional.cross_entropy(net(x), y)
        update.zero_grad()
        loss.backward()
        update.step()
        return float(loss.detach())

    return step


def digits(part: str = "train") -> tuple[Tensor, Tensor]:
    folder = Path(os.environ["STRIATE_DATA"]) / "mnist"
    read = [
        np.frombuffer(
            gzip.decompress((folder / f"{part}-{name}-ubyte.gz").read_bytes()),
            np.uint8,
            offset=skip,
        )
        for name, skip in (("images-idx3", 16), ("labels-idx1", 8))
    ]
    pictures = torch.from_numpy(read[0].reshape(-1, 1, 28, 28).astype(np.float32) / 255)
    return (pictures - 0.1307) / 0.3081, torch.from_numpy(read[1].astype(np.int64))


def measure(
    name: str, steps: int, pictures: Tensor, labels: Tensor, clock: Callable[[], float]
) -> dict[str, dict[str, float]]:
    runs = contenders(name)
    times: dict[str, list[float]] = {key: [] for key in runs}
    losses: dict[str, list[float]] = {key: [] for key in runs}
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        chosen = torch.randint(len(labels), (BATCH[name],), generator=generator)
        x, y = pictures[chosen], labels[chosen]
        for key, step in runs.items():
            begin = clock()
            losses[key].append(step(x, y))
            times[key].append(clock() - begin)
    warm = steps // 4
    medians = {key: statistics.median(value[warm:]) * 1e3 for key, value in times.items()}
    ratios = {
        key: statistics.median(
            a / b for a, b in zip(value[warm:], times["fused"][warm:], strict=True)
        )
        for key, value in times.items()
    }
    final = {key: statistics.mean(value[-5:]) for key, value in losses.items()}
    return {"milliseconds": medians, "ratio_to_fused": ratios, "loss_at_the_end": final}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", default="ABC")
    parser.add_argument("--steps", type=int, default=41)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.cpu:
        torch.set_num_threads(1)
    clock = time.process_time if arguments.cpu else time.perf_counter
    pictures, labels = digits()
    results: dict[str, object] = {
        "torch": torch.__version__,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "clock": "processor time of one thread" if arguments.cpu else "wall",
        "steps": arguments.steps,
    }
    for name in arguments.nets:
        results[name] = found = measure(name, arguments.steps, pictures, labels, clock)
        rounded = {
            title: {key: float(f"{value:.4g}") for key, value in values.items()}
            for title, values in found.items()
        }
        print(name, json.dumps(rounded), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
