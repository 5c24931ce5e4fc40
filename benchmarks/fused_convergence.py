"""Does a network end at the same place with the fused kernels? Several seeds, real digits.

    STRIATE_DATA=... python benchmarks/fused_convergence.py [--net C] [--epochs 3] [--seeds 5]

The same start, the same batches in the same order; plain PyTorch, the kernels, and the kernels
with Winograd's tiles. Prints test accuracy by seed, and whether the mean differences are within
two standard errors of PyTorch's own spread over seeds.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
from pathlib import Path

import torch
from fused_nets import BATCH, digits, fused, network, stepper
from torch import Tensor, nn

from striate.fused.conv_pool import ConvPool

VARIANTS = ("pytorch", "fused", "fused in tiles")


def variant(name: str, which: str, start: nn.Sequential) -> nn.Sequential:
    net = copy.deepcopy(start)
    if which == "pytorch":
        return net
    net = fused(name, net)
    for module in net:
        if isinstance(module, ConvPool):
            module.winograd = which == "fused in tiles"
    return net


def accuracy(net: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    right = 0
    with torch.no_grad():
        for x, y in zip(pictures.split(500), labels.split(500), strict=True):
            right += int((net(x).argmax(1) == y).sum())
    return right / len(labels)


def train(name: str, which: str, seed: int, epochs: int, data: dict[str, Tensor]) -> float:
    torch.manual_seed(seed)
    net = variant(name, which, network(name))
    step = stepper(name, net, quick=True)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(data["y"]), generator=generator)
        for chosen in order.split(BATCH[name]):
            step(data["x"][chosen], data["y"][chosen])
    return accuracy(net, data["test_x"], data["test_y"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="C")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    data = {}
    data["x"], data["y"] = digits("train")
    data["test_x"], data["test_y"] = digits("t10k")
    found: dict[str, list[float]] = {which: [] for which in VARIANTS}
    for seed in range(arguments.seeds):
        for which in VARIANTS:
            found[which].append(train(arguments.net, which, seed, arguments.epochs, data))
        print(seed, {which: values[-1] for which, values in found.items()}, flush=True)
    noise = statistics.stdev(found["pytorch"]) * (2 / arguments.seeds) ** 0.5
    means = {which: statistics.mean(values) for which, values in found.items()}
    within = {which: abs(m - means["pytorch"]) <= 2 * noise for which, m in means.items()}
    print("mean", means, "within noise", within)
    if arguments.json:
        result = {"net": arguments.net, "epochs": arguments.epochs, "test_accuracy": found}
        result |= {"mean": means, "standard_error_of_a_difference": noise, "within": within}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
