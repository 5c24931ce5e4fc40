"""What every adapter of peers.py shares: it takes one training step whenever it is asked to.

An adapter is a process of its own: `python peer_NAME.py NET BATCHES.npz THREADS`. For each line
that comes in it trains on the next batch and answers with a line of JSON: seconds of the wall and
of the processor, and the loss.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

DENSE = {"A": (1024,), "B": (120, 84), "C": (500,)}
CONVOLUTIONS = {
    "A": ((1, 32, "SAME"), (32, 64, "SAME")),
    "B": ((1, 6, "SAME"), (6, 16, "VALID")),
    "C": ((1, 20, "VALID"), (20, 50, "VALID")),
}
FLAT = {"A": 3136, "B": 400, "C": 800}
ACTIVATIONS = {"A": "relu", "B": "sigmoid", "C": "tanh"}
RATES = {"A": 1e-3, "B": 0.5, "C": 0.1}
Step = Callable[[np.ndarray, np.ndarray], float]


def asked() -> tuple[str, np.ndarray, np.ndarray]:
    """Net, pictures (steps, N, 1, 28, 28) and labels (steps, N), on as many cores as wanted."""
    net, file, threads = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):  # before a library counts the cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(threads)])
    with np.load(file) as stored:
        return net, stored["x"], stored["y"]


def weights(net: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Kernels (rows, columns, inputs, outputs), then matrices (inputs, outputs); with biases."""
    rng = np.random.default_rng(0)
    shapes: list[tuple[int, ...]] = [(5, 5, c, o) for c, o, _ in CONVOLUTIONS[net]]
    sizes = (FLAT[net], *DENSE[net], 10)
    shapes += list(pairwise(sizes))
    for shape in shapes:
        bound = np.prod(shape[:-1]) ** -0.5
        yield (
            rng.uniform(-bound, bound, shape).astype(np.float32),
            np.zeros(shape[-1], np.float32),
        )


def serve(name: str, step: Step, x: np.ndarray, y: np.ndarray) -> None:
    """Answer until nobody asks any more."""
    print(json.dumps({"name": name}), flush=True)
    for k, _ in enumerate(sys.stdin):
        wall, worked = time.perf_counter(), time.process_time()
        loss = step(x[k], y[k])
        found: dict[str, Any] = {
            "wall": time.perf_counter() - wall,
            "processor": time.process_time() - worked,
        }
        print(json.dumps({**found, "loss": loss}), flush=True)
