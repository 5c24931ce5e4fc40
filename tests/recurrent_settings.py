"""Settings of the recurrent layers at random, and the sequences and states that they read."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from drawn_specs import Draw, Setting
from striate.graph import Operator, Spec


@st.composite
def recurrent(
    draw: Draw, kind: type[Any], states: int = 1, **own: st.SearchStrategy[Any]
) -> Setting:
    """Units, features and steps all different, with or without initial states."""
    units, features, steps = draw(st.permutations([2, 3, 4]))
    settings = {name: draw(st.booleans()) for name in ("bidirectional", "last", "bias")}
    layer: Operator = kind(units, **settings, **{name: draw(each) for name, each in own.items()})
    given = draw(st.integers(0, states))
    width = units * (2 if settings["bidirectional"] else 1)
    return layer, (Spec((features, steps)), *[Spec((width,))] * given)
