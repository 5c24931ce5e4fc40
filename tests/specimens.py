"""One operator of each kind, with its required settings filled in and all others usual."""

from __future__ import annotations

from striate.graph import Operator
from striate.graph.settings import made, settings_of

CANDIDATES = (6, (3, 4), 0.5, "same", ((1, 0), (1, 1)))


def specimen(kind: type[Operator]) -> Operator:
    """An operator of this kind."""
    return made(
        kind,
        {
            name: next(each for each in CANDIDATES if setting.accepts(each))
            for name, setting in settings_of(kind).items()
            if setting.required
        },
    )
