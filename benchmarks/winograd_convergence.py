"""Does training with Winograd end where training without it ends? A residual network on CIFAR-10.

    STRIATE_DATA=... python benchmarks/winograd_convergence.py --json benchmarks/results/NAME.json

For each seed the same start and the same order of batches are trained twice, with PyTorch's
convolutions and with Winograd's in all three passes. What differs is rounding alone, and training
amplifies it as it would amplify another seed: the two means must agree within the noise of seeds.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from winograd_cases import cifar10, machine, resnet, with_winograd

Data = tuple[Tensor, Tensor]


def train(net: nn.Module, data: Data, seed: int, epochs: int, batch: int, rate: float) -> float:
    """One-cycle SGD with mirrored pictures; returns the mean loss of the last epoch."""
    pictures, labels = data
    steps = epochs * (len(pictures) // batch)
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    random = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        losses = []
        for index in torch.randperm(len(pictures), generator=random).split(batch):
            if len(index) < batch:
                continue
            x = pictures[index]
            mirrored = torch.rand(batch, generator=random) < 0.5
            x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
            optimizer.zero_grad()
            y = net(x.contiguous(memory_format=torch.channels_last))
            loss = functional.cross_entropy(y, labels[index])
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
    return float(np.mean(losses))


def accuracy(net: nn.Module, data: Data) -> float:
    net.eval()
    with torch.no_grad():
        right = [
            (net(x.contiguous(memory_format=torch.channels_last)).argmax(1) == y).float().sum()
            for x, y in zip(data[0].split(250), data[1].split(250), strict=True)
        ]
    return float(sum(right)) / len(data[1])


def compare(chosen: argparse.Namespace, first: int) -> Iterator[dict[str, float]]:
    """Train and judge both, seed after seed, from seed `first` on."""
    training, test = cifar10("train", chosen.per_class), cifar10("test", chosen.test_per_class)
    for seed in range(first, chosen.seeds):
        torch.manual_seed(seed)
        start = resnet(tuple(chosen.widths), chosen.blocks)
        run: dict[str, float] = {"seed": seed}
        for name in ("pytorch", "winograd"):
            net = copy.deepcopy(start)
            if name == "winograd":
                with_winograd(net)
            began = time.perf_counter()
            run[f"{name}_loss"] = train(
                net, training, seed, chosen.epochs, chosen.batch, chosen.rate
            )
            run[f"{name}_seconds"] = time.perf_counter() - began
            run[f"{name}_accuracy"] = accuracy(net, test)
        print({k: round(v, 4) for k, v in run.items()}, flush=True)
        yield run


def summary(runs: list[dict[str, float]], test_size: int) -> dict[str, object]:
    """Welch's t of the two means; and the paired difference with its standard error."""
    if len(runs) < 2:
        return {}
    a = np.array([run["pytorch_accuracy"] for run in runs])
    b = np.array([run["winograd_accuracy"] for run in runs])
    pooled = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / len(runs))
    paired = (b - a).std(ddof=1) / np.sqrt(len(runs))
    return {
        "pytorch_mean": round(float(a.mean()), 4),
        "pytorch_spread": round(float(a.std(ddof=1)), 4),
        "winograd_mean": round(float(b.mean()), 4),
        "winograd_spread": round(float(b.std(ddof=1)), 4),
        "difference": round(float((b - a).mean()), 4),
        "standard_error_paired": round(float(paired), 4),
        "standard_error_of_means": round(float(pooled), 4),
        "within_noise": bool(abs((b - a).mean()) <= 2 * max(pooled, paired)),
        "test_pictures": test_size,
    }


def earlier(path: Path | None, recipe: dict[str, object]) -> list[dict[str, float]]:
    """The seeds that the file holds already, where they were trained in the same way."""
    if path is None or not path.exists():
        return []
    found = json.loads(path.read_text())
    if found["recipe"] != recipe:
        raise SystemExit(f"{path} holds another recipe: {found['recipe']}")
    return list(found["runs"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="2 or more")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--per-class", type=int, default=400)
    parser.add_argument("--test-per-class", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--blocks", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="written after each seed; goes on with it")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    recipe = {k: v for k, v in vars(chosen).items() if k not in ("json", "seeds")}
    runs = earlier(chosen.json, recipe)
    for run in compare(chosen, len(runs)):
        runs.append(run)
        if chosen.json:  # hours of work are not to hang on the last one
            found = {"summary": summary(runs, 10 * chosen.test_per_class), "recipe": recipe}
            text = json.dumps({"machine": machine(), **found, "runs": runs}, indent=1)
            chosen.json.write_text(text + "\n")
    print(json.dumps(summary(runs, 10 * chosen.test_per_class), indent=1))


if __name__ == "__main__":
    main()
