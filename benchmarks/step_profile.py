"""Where a training step of nets A, B and C goes: layer by layer, forward and back.

    STRIATE_DATA=... python benchmarks/step_profile.py [A B C]

Milliseconds of one thread's own time, on real digits. In every round the chains that end behind
the first layer, the second, ... run once, then a whole step; what one takes more than the one
before is its last layer's. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch
from torch import Tensor

from striate.bench.nets import batches, pictures, subject
from striate.bench.training import fma_peak
from striate.engine import LossGradients, lower, optimizer
from striate.engine.engine import Engine
from striate.engine.trained import BoundTrained
from striate.fused.trained import LayerWeights, TrainedLayers

WARM_UP, ROUNDS = 20, 60


class Clock:
    """Milliseconds of this thread since it was last asked."""

    def __init__(self) -> None:
        self._last = time.thread_time()

    def __call__(self) -> float:
        before, self._last = self._last, time.thread_time()
        return 1e3 * (self._last - before)


def passes(chain: TrainedLayers, x: Tensor, weights: LayerWeights) -> tuple[float, float]:
    """Forward and back through a chain."""
    memory, clock = chain.memory(), Clock()
    y = chain.forward(x, weights, memory)
    forward = clock()
    gradient = torch.randn_like(y) / len(x)
    clock()
    chain.backward(gradient, x, weights, memory, y)
    return forward, clock()


def profile(net: str) -> dict[str, float]:
    """What a step of the network spends its time on."""
    name, how, graph = subject(net)
    module = lower(graph)
    update, gradients = (
        optimizer(how.optimizer, module, how.learning_rate),
        LossGradients(graph, module),
    )
    engine = module.shortcut
    x = torch.zeros(how.batch, *graph.specs[graph.inputs[0].name].shape)
    calls = engine.calls(module, (x,)) if isinstance(engine, Engine) else None
    if not calls or not isinstance(calls[0].run, BoundTrained):
        raise SystemExit(f"{name} is not one segment of layers")
    layers, weights = calls[0].run.segment.layers, calls[0].run.weights
    chains = [TrainedLayers(layers[: k + 1], how.batch) for k in range(len(layers))]
    found: dict[str, list[float]] = {}
    for x, y in batches(pictures((1, 28, 28), None), 10, how.batch, WARM_UP + ROUNDS):
        before = (0.0, 0.0)
        for k, (layer, chain) in enumerate(zip(layers, chains, strict=True)):
            after = passes(chain, x, weights[: 2 * k + 2])
            told = f"{layer.kind} {'x'.join(map(str, layer.weight))}"
            for way, a, b in zip(("forward", "back"), before, after, strict=True):
                found.setdefault(f"{told}, {way}", []).append(b - a)
            before = after
        clock = Clock()
        gradients(x, y)
        found.setdefault("loss, Python", []).append(clock() - sum(before))
        update.step()
        found.setdefault("optimizer", []).append(clock())
    return {what: median(times[WARM_UP:]) for what, times in found.items()}


def main() -> None:
    """Print a table for each network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("nets", nargs="*", default=["A", "B", "C"], help="[A B C]")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(torch.backends.cpu.get_cpu_capability(), end=", ")
    print(f"FMA peak {2e-9 * (fma_peak(1, clock=time.thread_time) or 0):.0f} GFLOP/s")
    for net in given.nets:
        rows = profile(net)
        step = sum(rows.values())
        print(f"\n{net}: {step:.2f} ms")
        for what, value in rows.items():
            print(f"  {what:32} {value:7.2f} {100 * value / step:4.0f} %")


if __name__ == "__main__":
    main()
