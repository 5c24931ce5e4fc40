"""The automatic choice of an engine beside each engine, for networks of the catalog.

One interleaved run: on the same pictures each contender answers in turn, three calls at a time, of
which the first does not count; the medians are told, as JSON. The choice is made before, in as many
calls as it takes. Figures of a busy machine are worth nothing: look at the load that it tells.

Example: python benchmarks/engines.py resnet18 mobilenet_v2 --batch 1 --batch 8 > engines.json
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from typing import Any

import torch
from torch import Tensor

from striate.bench.nets import batches, pictures, subject
from striate.bench.training import machine
from striate.engine import freeze, lower
from striate.engine.contest import PATIENCE, TURN, TURNS
from striate.engine.runtimes import RUNTIMES, absent
from striate.errors import StriateError
from striate.pytorch import weights_of

Run = Callable[[Tensor], Any]


def contenders(graph: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The engines that take the network, "auto" first; and why others do not take part."""
    torch.manual_seed(0)
    weights = weights_of(lower(graph, fast=False))
    found: dict[str, Any] = {}
    missing = {name: why for name in RUNTIMES if (why := absent(name))}
    for name in ("auto", "striate", "pytorch", *RUNTIMES):
        if name not in missing:
            try:
                found[name] = freeze(graph, weights, engine=name)
            except StriateError as error:
                missing[name] = error.what
    return found, missing


def settled(module: Any, x: Tensor) -> None:
    """Call until the choice is made."""
    end = time.perf_counter() + 4 * PATIENCE
    calls = 0
    while calls < 3 + TURN * TURNS * (1 + len(RUNTIMES)) or time.perf_counter() < end:
        module(x)
        calls += 1


def timed(modules: dict[str, Any], inputs: list[Tensor]) -> dict[str, list[float]]:
    """Milliseconds of each call that counts, by contender."""
    found: dict[str, list[float]] = {name: [] for name in modules}
    for x in inputs:
        for name, module in modules.items():
            for call in range(TURN):
                begin = time.perf_counter()
                module(x)
                if call:
                    found[name].append((time.perf_counter() - begin) * 1e3)
    return found


def measured(word: str, size: int, batch: int, steps: int) -> dict[str, Any]:
    """One network at one batch."""
    name, _, graph = subject(word, size)
    shape = graph.specs[graph.inputs[0].name].shape
    taken = pictures(shape, None)
    modules, missing = contenders(graph)
    inputs = [x for x, _ in batches(taken, graph.specs[graph.scores.name].size, batch, steps)]
    settled(modules["auto"], inputs[0])
    medians = {k: round(median(each), 3) for k, each in timed(modules, inputs).items()}
    true = modules["pytorch"](inputs[0])
    differs = {k: _difference(module(inputs[0]), true) for k, module in modules.items()}
    best = min(value for k, value in medians.items() if k != "auto")
    return {
        "net": name,
        "picture": list(shape),
        "data": taken[2],
        "batch": batch,
        "engine": modules["auto"].engine,
        "milliseconds": medians,
        "best_over_auto": round(best / medians["auto"], 3),
        "chosen_from": list(modules["auto"].measured.milliseconds.values()),
        "differs_from_pytorch": differs,
        "missing": missing,
    }


def _difference(found: Tensor, true: Tensor) -> float:
    return float(f"{float((found - true).abs().max() / true.abs().max()):.2g}")


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nets", nargs="+")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, action="append")
    parser.add_argument("--steps", type=int, default=21)
    asked = parser.parse_args()
    results = [
        measured(word, asked.size, batch, asked.steps)
        for word in asked.nets
        for batch in asked.batch or (1, 8, 32)
    ]
    versions = {name: version(name) for name in RUNTIMES if not absent(name)}
    told = {**machine(), "date": time.strftime("%Y-%m-%d"), "versions": versions}
    print(json.dumps({**told, "load_after": os.getloadavg()[0], "results": results}, indent=1))


if __name__ == "__main__":
    main()
