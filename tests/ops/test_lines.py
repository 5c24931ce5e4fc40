"""What a new operator needs: its own file and five lines. A failure names the file and the line."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from inspect import getmembers, isabstract, isclass

import pytest
from judges import JUDGES

from promises import SETTINGS
from striate import ops
from striate.graph import Operator
from striate.notation.forms import FORMS
from striate.pytorch.evaluate import NOISY
from striate.pytorch.losses import LOSSES
from striate.pytorch.modules import ABSENT, MODULES


def every_operator() -> list[type[Operator]]:
    """The operators in the files of `striate.ops`, whether they are in its table or not."""
    names = [each.name for each in pkgutil.walk_packages(ops.__path__, "striate.ops.")]
    found = [
        kind
        for module in map(import_module, names)
        for _, kind in getmembers(module, isclass)
        if issubclass(kind, Operator) and kind.__module__ == module.__name__
    ]
    return [kind for kind in found if not isabstract(kind) and kind is not Operator]


def missing_lines(kind: type[Operator]) -> list[str]:
    """Each file that lacks a line for the operator, and the line."""
    name, module = kind.__name__, kind.__module__
    family = module.split(".")[-2]
    table = "losses.py" if kind.is_loss else f"modules/{family}.py"
    lines = {
        "src/striate/ops/__init__.py": (
            kind in ops.OPERATORS,
            f"from {module} import {name} as {name}",
        ),
        "src/striate/notation/forms.py": (
            [form.operator for form in FORMS].count(name) == 1,
            f'_form("{name.upper()}", "{name}", "positional settings", "OTHER WORDS"),',
        ),
        f"src/striate/pytorch/{table}": (
            kind in {*MODULES, *LOSSES, *ABSENT},
            f"ops.{name}: <function to a Recipe, or plain(nn.{name})>,",
        ),
        "src/striate/pytorch/evaluate.py": (
            not kind.is_random or kind in NOISY,
            f"{name}: <what it does with the noise that `draw` returned>,",
        ),
        "tests/promises.py": (
            kind in SETTINGS,
            f"ops.{name}: <strategy for its settings and the specs of its inputs>,",
        ),
        "tests/ops/judges.py": (
            kind in JUDGES,
            f"ops.{name}: <the same function in PyTorch, from a Twin>,",
        ),
    }
    return [f"{file} lacks: {line}" for file, (is_there, line) in lines.items() if not is_there]


@pytest.mark.parametrize("kind", every_operator(), ids=lambda kind: kind.__name__)
def test_an_operator_has_its_lines(kind: type[Operator]) -> None:
    missing = missing_lines(kind)
    assert not missing, "\n".join(missing)


def test_what_is_missing_is_named() -> None:
    lost = type("Lost", (ops.ReLU,), {"__module__": "striate.ops.activation.lost"})
    assert [each.split(" lacks: ") for each in missing_lines(lost)] == [
        ["src/striate/ops/__init__.py", "from striate.ops.activation.lost import Lost as Lost"],
        [
            "src/striate/notation/forms.py",
            '_form("LOST", "Lost", "positional settings", "OTHER WORDS"),',
        ],
        [
            "src/striate/pytorch/modules/activation.py",
            "ops.Lost: <function to a Recipe, or plain(nn.Lost)>,",
        ],
        [
            "tests/promises.py",
            "ops.Lost: <strategy for its settings and the specs of its inputs>,",
        ],
        ["tests/ops/judges.py", "ops.Lost: <the same function in PyTorch, from a Twin>,"],
    ]
