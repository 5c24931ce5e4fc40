"""docs/speed.md says what was measured."""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import torch

from striate.engine import lower
from striate.notation import parse
from striate.training import Recipe
from striate.training.schedules import rate

ROOT = Path(__file__).parents[2]


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def speed_table() -> ModuleType:
    return benchmark("speed_table")


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
    assert speed_table.cell("training", result, "eager") == "12.3 ms, **3.99x** (4.0: missed)"
    cell = partial(speed_table.cell, "inference")
    assert cell(result, "eager") == "12.3 ms, **3.99x**"
    assert cell(result, "onnxruntime") == "1.5 ms, **1.70x** (1.7: met)"
    assert cell(result, "torchscript") == "2 ms, **2.00x**"
    assert cell(result, "jax") == ""
    assert cell({**result, "batch": 1}, "onnxruntime") == "1.5 ms, **1.70x**"


def test_the_plain_script_trains_the_same_network_by_the_same_schedule() -> None:
    ours, plain = benchmark("to_99"), benchmark("plain_mnist")
    module, theirs = lower(parse(ours.NETWORK)), plain.network()
    shapes = [[each.shape for each in net.parameters()] for net in (module, theirs)]
    assert shapes[0] == shapes[1]
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), module.state_dict().values(), strict=True))
    )
    x = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(module(x), theirs(x))
    recipe = Recipe.from_dict(ours.RECIPE)
    update = torch.optim.Adam(theirs.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        update, recipe.rate, epochs=2, steps_per_epoch=234, cycle_momentum=False
    )
    for step in range(468):
        # PyTorch's peak stands a step earlier.
        near = pytest.approx(rate(recipe, step, 234), abs=0.01 * recipe.rate)
        assert update.param_groups[0]["lr"] == near
        update.step()
        if step < 467:
            schedule.step()
