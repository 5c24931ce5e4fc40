"""One operator of each kind, with its required settings filled in and all others usual."""

from __future__ import annotations

from itertools import product

from striate.errors import SettingError
from striate.graph import Operator
from striate.graph.settings import made, settings_of

CANDIDATES = (6, (3, 4), 0.5, "same", ((1, 0), (1, 1)), (1, 0))


def specimen(kind: type[Operator]) -> Operator:
    """An operator of this kind."""
    required = {name: each for name, each in settings_of(kind).items() if each.required}
    fitting = ([c for c in CANDIDATES if each.accepts(c)] for each in required.values())
    for values in product(*fitting):
        try:
            return made(kind, dict(zip(required, values, strict=True)))
        except SettingError:
            continue
    raise AssertionError(f"no candidate of specimens.py suits {kind.__name__}")
