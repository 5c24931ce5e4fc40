"""The public surface: an explicit line a name, nothing else leaks, and what importing may load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

import striate
from striate import functions


def test_every_public_name_loads() -> None:
    assert sorted(striate.__all__) == [
        "Captured",
        "Explanation",
        "Graph",
        "Heat",
        "Invariance",
        "Model",
        "Recipe",
        "StriateError",
        "capture",
        "compare",
        "diagnose",
        "evaluate",
        "fit_weights",
        "heat",
        "invariance",
        "memory",
        "parse",
        "read_onnx",
        "report",
        "resume",
        "table",
        "text",
        "train",
        "verify",
        "why",
    ]
    for name in striate.__all__:
        assert callable(getattr(striate, name)), name


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="convolve"):
        _ = striate.convolve


def test_the_functions_of_plain_arrays() -> None:
    assert functions.__all__ == ["convolve", "correlate", "mean_filter", "moving_average"]
    for name in functions.__all__:
        assert callable(getattr(functions, name))


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import striate", ["numpy", "torch", "lark"]),
        ("import striate; striate.table(striate.parse('INPUT 1x8x8 -> CONV 2 3x3'))", ["torch"]),
        ("import striate.cli", ["torch", "sklearn", "PIL", "matplotlib"]),
        ("import striate.drawing", ["torch", "matplotlib"]),
        ("import striate.graph", ["numpy", "torch"]),
        ("import striate.ops", ["torch"]),
        ("import striate.functions", ["torch", "lark"]),
        ("import striate.exchange.onnx", ["torch", "onnx"]),
        ("import striate.exchange.fitting", ["torch"]),
        ("import striate.model", ["torch"]),
        ("import striate.engine", ["torch._dynamo", "sklearn", "PIL"]),
    ],
)
def test_importing_loads_no_more_than_it_must(statement: str, absent: list[str]) -> None:
    code = f"import sys; {statement}; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_name_of_a_class_or_a_type_means_one_thing() -> None:
    """But for an operator and the module that computes it in PyTorch, which are one thing twice."""
    homes: dict[str, list[str]] = {}
    root = Path(striate.__file__).parent
    for path in sorted(root.rglob("*.py")):
        room = path.relative_to(root).as_posix()
        for name in map(str.lstrip, _types(ast.parse(path.read_text())), repeat("_")):
            homes.setdefault(name, []).append(room)
    twice = {
        name: rooms
        for name, rooms in homes.items()
        if len(rooms) > 1
        and not (len(rooms) == 2 and rooms[0][:4] == "ops/" and rooms[1][:16] == "pytorch/modules/")
    }
    assert twice == {}


def _types(module: ast.Module) -> Iterator[str]:
    """The classes and type aliases of a file: what is named at its left edge in capital letters."""
    for each in module.body:
        if isinstance(each, ast.ClassDef):
            yield each.name
        elif isinstance(each, ast.Assign | ast.AnnAssign):
            target = each.targets[0] if isinstance(each, ast.Assign) else each.target
            name = target.id if isinstance(target, ast.Name) else ""
            if name.lstrip("_")[:1].isupper() and not name.isupper():
                yield name
