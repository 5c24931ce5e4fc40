"""A whole training step of ResNet-18 and VGG-16-bn on 32x32 pictures: PyTorch against Winograd.

    STRIATE_DATA=... python benchmarks/winograd_nets.py --json benchmarks/results/NAME.json

Every variant takes a step in turn, on the same pictures, so that the machine's moods hit all of
them alike; figures are medians of steps and of ratios within a round.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from winograd_cases import cifar10, machine, resnet, vgg16_bn, with_winograd

Step = Callable[[Tensor, Tensor], float]


def trainer(net: nn.Module, memory: torch.memory_format, fused: bool) -> Step:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=fused)

    def step(x: Tensor, y: Tensor) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(net(x.contiguous(memory_format=memory)), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def variants(make: Callable[[], nn.Module]) -> dict[str, Step]:
    """The same start four times.

    `channels_last` is the usual recipe, `net.to(memory_format=torch.channels_last)`. `maps_last`
    converts the maps alone: the fused SGD copies weights that are not contiguous. Winograd
    takes weights either way, so it is built on that.
    """
    torch.manual_seed(0)
    net = make()
    twin = [copy.deepcopy(net) for _ in range(4)]
    last, first = torch.channels_last, torch.contiguous_format
    return {
        "eager": trainer(twin[0], first, fused=False),
        "channels_last": trainer(twin[1].to(memory_format=last), last, fused=True),
        "maps_last": trainer(twin[2], last, fused=True),
        "winograd": trainer(with_winograd(twin[3]), last, fused=True),
    }


def measure(
    name: str,
    make: Callable[[], nn.Module],
    rounds: int,
    batch: int,
    clock: Callable[[], float],
) -> dict[str, object]:
    pictures, labels = cifar10("train", per_class=64)
    steps = variants(make)
    seconds: dict[str, list[float]] = {key: [] for key in steps}
    losses: dict[str, list[float]] = {key: [] for key in steps}
    for turn in range(rounds + 3):
        at = turn * batch % (len(pictures) - batch + 1)
        x, y = pictures[at : at + batch].contiguous(), labels[at : at + batch]
        for key, step in steps.items():
            start = clock()
            loss = step(x, y)
            if turn >= 3:  # the first steps build, allocate and warm up
                seconds[key].append(clock() - start)
            losses[key].append(loss)
    times = {key: np.array(value) for key, value in seconds.items()}
    result: dict[str, object] = {
        "net": name,
        "batch": batch,
        "rounds": rounds,
        "milliseconds": {k: round(float(np.median(t)) * 1e3, 2) for k, t in times.items()},
        "least_milliseconds": {k: round(float(t.min()) * 1e3, 2) for k, t in times.items()},
        "eager_over": {k: round(float(np.median(times["eager"] / t)), 3) for k, t in times.items()},
        "over_winograd": {
            k: round(float(np.median(t / times["winograd"])), 3) for k, t in times.items()
        },
        "first_losses": {k: [round(v, 5) for v in value[:4]] for k, value in losses.items()},
    }
    print(name, result["milliseconds"], result["over_winograd"], flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="count seconds of work, not of the wall: for one thread on a machine that is shared",
    )
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    nets = {"resnet18": resnet, "vgg16_bn": vgg16_bn}
    clock = time.process_time if chosen.processor_time else time.perf_counter
    results = [
        measure(name, make, chosen.rounds, chosen.batch, clock) for name, make in nets.items()
    ]
    if chosen.json:
        what = {"clock": clock.__name__, "machine": machine(), "results": results}
        chosen.json.write_text(json.dumps(what, indent=1) + "\n")


if __name__ == "__main__":
    main()
