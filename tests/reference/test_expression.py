"""A small expression as a graph: cos(x) * sin(y) + x / y at (5, 3)."""

from __future__ import annotations

from math import cos, sin

import numpy as np
import pytest

from striate.notation import parse
from striate.reference import run

EXPRESSION = """
x: INPUT 1; y: INPUT 1;
{ { @x -> COSINE | @y -> SINE } MUL | { @x | @y } DIV } ADD
"""


def test_an_expression_and_its_gradients() -> None:
    trace = run(parse(EXPRESSION), {}, [np.array([[5.0]]), np.array([[3.0]])])
    values = {name: value.item() for name, value in trace.values.items()}
    assert values["mul1"] == pytest.approx(cos(5) * sin(3), rel=1e-12)
    assert values["div1"] == pytest.approx(5 / 3, rel=1e-12)
    assert values["add1"] == pytest.approx(cos(5) * sin(3) + 5 / 3, rel=1e-12)
    found = trace.backward(np.array([[1.0]])).nodes
    assert found["x"].item() == pytest.approx(-sin(5) * sin(3) + 1 / 3, rel=1e-12)
    assert found["y"].item() == pytest.approx(cos(5) * cos(3) - 5 / 9, rel=1e-12)
