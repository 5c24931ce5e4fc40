"""docs/speed.md says what was measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def speed_table() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "speed_table", ROOT / "benchmarks" / "speed_table.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current(speed_table: ModuleType) -> None:
    written = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert speed_table.page(written) == written, "run python benchmarks/speed_table.py"


def test_what_was_aimed_at_is_judged_by_the_ratio(speed_table: ModuleType) -> None:
    result = {
        "net": "B",
        "batch": 32,
        "milliseconds": {"eager": 12.345, "onnxruntime": 1.5, "torchscript": 2.0},
        "ratio": {"eager": 3.99, "onnxruntime": 1.7, "torchscript": 2.0},
    }
    assert speed_table.cell(result, "eager") == "12.3 ms, **3.99x** (4.0: missed)"
    assert speed_table.cell(result, "onnxruntime") == "1.5 ms, **1.70x** (1.7: met)"
    assert speed_table.cell(result, "torchscript") == "2 ms, **2.00x**"
    assert speed_table.cell(result, "jax") == ""
    assert speed_table.cell({**result, "batch": 1}, "onnxruntime") == "1.5 ms, **1.70x**"
