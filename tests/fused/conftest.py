"""Tests marked `compiler` are skipped where there is none."""

from __future__ import annotations

import pytest

from striate.fused import build


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    try:
        build.compiler()
    except build.Unavailable as reason:
        for item in items:
            if item.get_closest_marker("compiler"):
                item.add_marker(pytest.mark.skip(reason=reason.what))
