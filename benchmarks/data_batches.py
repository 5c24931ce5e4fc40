"""What a batch costs before the network sees it: gathering, normalizing, distorting.

    python benchmarks/data_batches.py [DATA_DIR]

Batches of 128 from MNIST (or as many random pictures of that size where it is absent), the
variants interleaved, medians of many.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import torch

from striate.data import Augment, Preprocessing, Split, load
from striate.data.batches import Batches
from striate.errors import StriateError

ROUNDS = 300


def pictures() -> tuple[Split, Preprocessing]:
    """MNIST's training pictures, or random ones."""
    try:
        data = load("mnist", data_dir=Path(sys.argv[1]) if len(sys.argv) > 1 else None)
        if isinstance(data.train, Split):
            return data.train, Preprocessing(*data.shape, data.mean, data.std)
    except StriateError as error:
        print(f"random pictures instead of MNIST: {error.what}", file=sys.stderr)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (55_000, 1, 28, 28), dtype=np.uint8)
    return Split(images, np.arange(55_000) % 10), Preprocessing(1, 28, 28, (0.5,), (0.29,))


def endless(batches: Batches) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Epoch after epoch."""
    for number in count():
        yield from batches.epoch(number)


def main() -> None:
    """Print the median of each variant."""
    split, preprocessing = pictures()
    variants = {
        "gather": None,
        "shift 2": Augment(shift=2, fill="zeros"),
        "shift 2, border": Augment(shift=2),
        "shift 2, flip": Augment(shift=2, flip=True, fill="zeros"),
        "shift, rotate, scale": Augment(shift=2, rotate=10, scale=0.1, fill="zeros"),
    }
    sources: dict[str, Callable[[], object]] = {}
    for name, augment in variants.items():
        source = endless(Batches(split, 128, shuffle=True, seed=1, augment=augment))
        sources[name] = lambda source=source: preprocessing.normalize(next(source)[0])
    times: dict[str, list[float]] = {name: [] for name in sources}
    for _ in range(ROUNDS):
        for name, step in sources.items():
            begin = time.perf_counter()
            step()
            times[name].append(1e3 * (time.perf_counter() - begin))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, batches of 128")
    for name, values in times.items():
        print(f"{name:22s} + normalize {statistics.median(values):7.3f} ms")


if __name__ == "__main__":
    main()
