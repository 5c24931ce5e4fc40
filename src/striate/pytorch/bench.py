"""Training steps of one network by several ways to run it, interleaved on the same batches."""

from __future__ import annotations

import copy
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from striate.graph import Graph
from striate.pytorch.losses import loss_function
from striate.pytorch.lower import lower
from striate.pytorch.optimizers import optimizer

WARM_UP = 3

Step = Callable[[Tensor, Tensor], float]


def contenders(
    graph: Graph, kind: str, learning_rate: float, *, compiled: bool = False
) -> dict[str, Step]:
    """A training step by each contender, all starting from the same weights.

    Args:
        graph: a chain, since the contenders that are plain PyTorch are `nn.Sequential`.
        kind: "sgd" or "adam".
        compiled: whether torch.compile takes part.

    Returns:
        "striate" first: as `striate train` runs it, kernels included. "eager": PyTorch as in a
        tutorial. "channels_last": with channels_last memory and a fused optimizer.
    """
    start = nn.Sequential(*lower(graph, fast=False).children())
    ours = lower(graph)
    with torch.no_grad():
        for own, other in zip(ours.parameters(), start.parameters(), strict=True):
            own.copy_(other)
    loss = loss_function(graph)
    last = copy.deepcopy(start).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = {
        "striate": _step(ours, optimizer(kind, ours, learning_rate), loss),
        "eager": _plain(copy.deepcopy(start), kind, learning_rate, fused=False),
        "channels_last": _plain(last, kind, learning_rate, fused=True),
    }
    if compiled:
        traced = torch.compile(copy.deepcopy(start))
        found["torch.compile"] = _plain(traced, kind, learning_rate, fused=True)
    return found


def measured(steps: dict[str, Step], batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """Median milliseconds of each contender, and of their ratios to the first, step by step.

    The first `WARM_UP` batches do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    losses: dict[str, float] = {}
    for x, target in batches:
        for name, step in steps.items():
            begin = time.perf_counter()
            losses[name] = step(x, target)
            times[name].append(time.perf_counter() - begin)
    times = {name: each[WARM_UP:] for name, each in times.items()}
    first = next(iter(times.values()))
    return {
        "milliseconds": {k: round(1e3 * statistics.median(v), 3) for k, v in times.items()},
        "ratio": {
            k: round(statistics.median(a / b for a, b in zip(v, first, strict=True)), 3)
            for k, v in times.items()
        },
        "last_loss": {k: round(v, 5) for k, v in losses.items()},
    }


def multiply_adds(graph: Graph, batch: int) -> float:
    """Of one training step, counted as direct convolutions: forward and twice as much back."""
    each = sum(node.operator.cost(*graph.input_specs(node)).multiply_adds for node in graph)
    return 3.0 * each * batch


def matmul_peak(size: int = 1536, rounds: int = 5) -> float:
    """Fastest float32 matrix product seen, in multiply-adds a second."""
    a, b = torch.rand(2, size, size)
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - begin)
    return size**3 / min(seconds)


def machine() -> dict[str, Any]:
    """What is measured on, and when."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": date.today().isoformat(),
        "processor": names[0] if names else platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "torch": torch.__version__,
        "fused": os.environ.get("STRIATE_FUSED", "on"),
    }


def _plain(module: Any, kind: str, learning_rate: float, *, fused: bool) -> Step:
    made = torch.optim.Adam if kind == "adam" else torch.optim.SGD
    update = made(module.parameters(), lr=learning_rate, fused=fused or None)
    step = _step(module, update, nn.functional.cross_entropy)

    def laid_out(x: Tensor, target: Tensor) -> float:
        return step(x.to(memory_format=torch.channels_last), target)

    return laid_out if fused else step


def _step(module: Any, update: torch.optim.Optimizer, loss: Callable[..., Tensor]) -> Step:
    def step(x: Tensor, target: Tensor) -> float:
        update.zero_grad()
        value = loss(module(x), target)
        torch.autograd.backward(value)
        update.step()
        return value.item()

    return step
