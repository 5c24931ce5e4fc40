"""Every operator as a PyTorch module and as plain source, with settings drawn at random."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agreement import alone, assert_agrees
from promises import SETTINGS
from striate.graph import Operator
from striate.pytorch import source
from striate.pytorch.modules import MODULES, recipe

kinds = pytest.mark.parametrize("kind", MODULES, ids=lambda kind: kind.__name__)

quickly = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@kinds
@given(st.data())
@quickly
def test_the_module_computes_what_the_operator_says(
    kind: type[Operator], data: st.DataObject
) -> None:
    operator, specs = data.draw(SETTINGS[kind])
    training = data.draw(st.booleans()) and not kind.is_random
    assert_agrees(operator, *specs, seed=data.draw(st.integers(0, 99)), training=training)


@pytest.mark.parametrize(
    "kind", [kind for kind in MODULES if not kind.is_foreign], ids=lambda kind: kind.__name__
)
@given(st.data())
@settings(quickly, max_examples=4)
def test_plain_source_computes_the_same(kind: type[Operator], data: st.DataObject) -> None:
    operator, specs = data.draw(SETTINGS[kind])
    graph = alone(operator, *specs)
    module = recipe(graph, graph["it"]).module().eval()
    text = source(graph)
    assert "striate" not in text
    space: dict[str, Any] = {}
    exec(compile(text, kind.__name__, "exec"), space)
    network = space["Network"]().eval()
    network.load_state_dict({f"it.{key}": value for key, value in module.state_dict().items()})
    inputs = [torch.rand(2, *spec.shape) + 0.5 for spec in specs]
    with torch.no_grad():
        if not specs:  # added to zeros
            inputs = [torch.zeros(2, *operator.shape().shape)]
        torch.testing.assert_close(network(*inputs), module(*inputs), rtol=0, atol=0)
