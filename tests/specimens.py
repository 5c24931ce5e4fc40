"""One operator of each kind, required settings filled in and others usual; tables of operators."""

from __future__ import annotations

from itertools import product
from typing import TypeVar

from striate.errors import SettingError
from striate.graph import Operator
from striate.graph.settings import made, settings_of

V = TypeVar("V")


class Lines(dict[type[Operator], V]):
    """A table with a line for each operator, which says where it stands when one is missing."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def __missing__(self, kind: type[Operator]) -> V:
        what = f"{self.file} lacks a line for {kind.__name__}"
        raise LookupError(f"{what}: see tests/ops/test_lines.py")


CANDIDATES = (6, (3, 4), 0.5, "same", ((1, 0), (1, 1)), (1, 0))


def specimen(kind: type[Operator]) -> Operator:
    """An operator of this kind."""
    known = settings_of(kind)
    required = [name for name, each in known.items() if each.required]
    for names in (required, *([*required, name] for name in known)):  # RESIZE needs one of two
        fitting = ([c for c in CANDIDATES if known[name].accepts(c)] for name in names)
        for values in product(*fitting):
            try:
                return made(kind, dict(zip(names, values, strict=True)))
            except SettingError:
                continue
    raise AssertionError(f"no candidate of specimens.py suits {kind.__name__}")
