"""Tests marked `compiler` are skipped where there is none."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from striate.fused import build
from striate.fused.layer import workspace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    try:
        build.compiler()
    except build.Unavailable as reason:
        for item in items:
            if item.get_closest_marker("compiler"):
                item.add_marker(pytest.mark.skip(reason=reason.what))


@pytest.fixture(autouse=True)
def _nothing_reads_what_lay_in_memory_before() -> None:
    """Kernels are handed memory full of NaN, which would show in every number it touches."""
    workspace(1 << 22).fill_(math.nan)


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels, whatever was measured; and as many threads afterwards as before."""
    monkeypatch.setenv("STRIATE_FUSED", "require")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
