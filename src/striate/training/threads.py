"""How many threads a step is computed by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL_STEP = 1e8
"""Multiply-adds of a forward pass below which a second thread waits longer than it works."""


@contextmanager
def few_threads(work: int) -> Iterator[None]:
    """One thread for small steps: waking others costs more, much more on a busy machine."""
    before = torch.get_num_threads()
    if work < SMALL_STEP:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
