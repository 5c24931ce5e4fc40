"""Every operator, written down and read again: as text, as JSON, and inside a graph."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from promises import SETTINGS
from striate.exchange.json import from_json, to_json
from striate.graph import Graph, Node, Operator, Spec
from striate.graph.settings import settings_of
from striate.notation import operator_text, parse, parse_operator, text
from striate.ops import OPERATORS, Input

kinds = pytest.mark.parametrize("kind", OPERATORS, ids=lambda kind: kind.__name__)

quickly = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def graph_of(operator: Operator, specs: tuple[Spec, ...]) -> Graph:
    """One input that branches, where the operator merges; else the operator behind an input."""
    if not specs:
        return Graph((Node("input", operator),))
    names = [f"in{k}" for k in range(len(specs))]
    sources = [Node(name, Input(x.shape)) for name, x in zip(names, specs, strict=True)]
    return Graph((*sources, Node("it", operator, tuple(names))))


@kinds
@given(st.data())
@quickly
def test_text_is_read_as_it_was_written(kind: type[Operator], data: st.DataObject) -> None:
    operator, _ = data.draw(SETTINGS[kind])
    again = parse_operator(operator_text(operator))
    assert again == operator
    assert repr(again) == repr(operator)


@kinds
@given(st.data())
@quickly
def test_graphs_are_read_as_they_were_printed(kind: type[Operator], data: st.DataObject) -> None:
    operator, specs = data.draw(SETTINGS[kind])
    graph = graph_of(operator, specs)
    if len(graph.inputs) == 1:
        assert parse(text(graph)) == graph


@kinds
@given(st.data())
@quickly
def test_json_is_read_as_it_was_written(kind: type[Operator], data: st.DataObject) -> None:
    operator, specs = data.draw(SETTINGS[kind])
    graph = graph_of(operator, specs)
    again = from_json(json.loads(json.dumps(to_json(graph))))
    assert again == graph
    for name in settings_of(kind):
        found = getattr(again.nodes[-1].operator, name)
        assert type(found) is type(getattr(operator, name))
