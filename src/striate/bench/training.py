"""One network by several ways to run it, interleaved on the same batches: training steps."""

from __future__ import annotations

import copy
import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from striate.engine.gradients import LossGradients
from striate.engine.lower import lower
from striate.engine.optimizers import OPTIMIZERS, optimizer
from striate.fused import build
from striate.fused.choose import Clock
from striate.graph import Graph
from striate.ops import CrossEntropy
from striate.ops.arrays import Weights
from striate.passes.attach_loss import with_loss
from striate.pytorch.losses import loss_function
from striate.pytorch.weights import weights_of

WARM_UP = 3

Batch: TypeAlias = tuple[Tensor, Tensor]
Run: TypeAlias = Callable[[Tensor, Tensor], Any]


def trainers(
    graph: Graph, kind: str, learning_rate: float, *, compiled: bool = False
) -> dict[str, Run]:
    """A training step by each contender, all starting from the same weights.

    Args:
        kind: the optimizer, a name of `striate.engine.optimizers`.
        compiled: whether torch.compile takes part.

    Returns:
        "striate" first: as `striate train` runs it, kernels included. "eager": PyTorch as in a
        tutorial. "channels_last": with channels_last memory and a fused optimizer. Each returns
        the loss.
    """
    ours = lower(graph)
    start = plain(graph, weights_of(ours))
    last = copy.deepcopy(start).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    usual = with_loss(graph).nodes[-1].operator == CrossEntropy() and not graph.auxiliary
    loss = nn.functional.cross_entropy if usual else loss_function(graph)

    def stepping(net: nn.Module, *, fused: bool) -> Run:
        made, usual = OPTIMIZERS[kind]
        update = made(net.parameters(), lr=learning_rate, fused=fused or None, **usual)
        step = _step(net, update, loss)
        return _laid_out(step) if fused else step

    update = optimizer(kind, ours, learning_rate)
    found = {
        "striate": _updated(LossGradients(graph, ours), update),
        "eager": stepping(copy.deepcopy(start), fused=False),
        "channels_last": stepping(last, fused=True),
    }
    if compiled:
        traced: Any = torch.compile(copy.deepcopy(start))
        found["torch.compile"] = stepping(traced, fused=True)
    return found


def plain(graph: Graph, weights: Weights) -> nn.Module:
    """The network as a reader of PyTorch's tutorials runs it; `nn.Sequential` where that does."""
    module = lower(graph, weights, fast=False)
    is_chain = not graph.auxiliary and all(
        len(node.inputs) < 2 and len(graph.consumers[node.name]) < 2 for node in graph
    )
    return nn.Sequential(*module.children()) if is_chain else module


def measured(
    runs: Mapping[str, Run], batches: Iterable[Batch], *, calls: int = 1, clock: Clock | None = None
) -> dict[str, Any]:
    """Median milliseconds of each contender, and of their ratios to the first, batch by batch.

    The first `WARM_UP` batches do not count.

    Args:
        calls: how often each contender runs in its turn; of several the first does not count, in
            which caches and threads still are as another contender left them.
        clock: seconds; the wall's unless given.

    Returns:
        "milliseconds" and "ratio" by contender, and "last": what each returned last.
    """
    clock = clock or time.perf_counter
    times: dict[str, list[float]] = {name: [] for name in runs}
    last: dict[str, Any] = {}
    for x, target in batches:
        for name, run in runs.items():
            for _ in range(calls - 1):
                run(x, target)
            begin = clock()
            last[name] = run(x, target)
            times[name].append(clock() - begin)
    times = {name: each[WARM_UP:] for name, each in times.items()}
    first = next(iter(times.values()))
    return {
        "milliseconds": {k: round(1e3 * statistics.median(v), 4) for k, v in times.items()},
        "ratio": {
            k: round(statistics.median(a / b for a, b in zip(v, first, strict=True)), 3)
            for k, v in times.items()
        },
        "last": last,
    }


def multiply_adds(graph: Graph, batch: int, *, training: bool) -> float:
    """Counted as direct convolutions: forward, and for training twice as much back."""
    return float(graph.multiply_adds * batch * (3 if training else 1))


def fma_peak(threads: int, *, seconds: float = 0.2, clock: Clock | None = None) -> float | None:
    """Multiply-adds a second, at best, of vectors that stay in registers; None without a compiler.

    Args:
        threads: that do so at once.
        seconds: about how long it takes.
    """
    clock = clock or time.perf_counter
    try:
        kernel = build.library("peak")
    except build.Unavailable:
        return None
    kernel.peak_multiply_adds.argtypes = [ctypes.c_int64]
    kernel.peak_multiply_adds.restype = ctypes.c_double
    kernel.peak_run.argtypes = [ctypes.c_int64, ctypes.c_int]
    kernel.peak_run.restype = ctypes.c_float
    rounds, best, end = 100_000, 0.0, time.perf_counter() + seconds
    work = kernel.peak_multiply_adds(rounds) * threads
    while not best or time.perf_counter() < end:
        begin = clock()
        kernel.peak_run(rounds, threads)
        best = max(best, work / (clock() - begin))
    return best


def machine() -> dict[str, Any]:
    """What is measured on, and when."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "date": date.today().isoformat(),
        "processor": names[0] if names else platform.processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "torch": torch.__version__,
        "fused": build.mode(),
    }


def _laid_out(run: Run) -> Run:
    def laid_out(x: Tensor, target: Tensor) -> Any:
        return run(x.to(memory_format=torch.channels_last), target)

    return laid_out


def _step(
    module: nn.Module,
    update: torch.optim.Optimizer,
    loss: Callable[..., Tensor],
) -> Run:
    def step(x: Tensor, target: Tensor) -> float:
        update.zero_grad()
        value = loss(module(x), target)
        torch.autograd.backward(value)
        update.step()
        return value.item()

    return step


def _updated(gradients: LossGradients, update: torch.optim.Optimizer) -> Run:
    """As `striate train` steps."""

    def step(x: Tensor, target: Tensor) -> float:
        _, loss = gradients(x, target)
        update.step()
        return loss.item()

    return step
