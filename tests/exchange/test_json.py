"""Graphs come back from JSON exactly, and wrong JSON is told what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from specimens import specimen
from striate.errors import StriateError
from striate.exchange.json import _node, _read_node, from_json, to_json
from striate.graph import Node
from striate.notation import parse
from striate.ops import OPERATORS

TEXTS = (
    "INPUT 7 -> FC 3",
    "INPUT 2x6x5 -> CONV 4 3x1 stride=2x1 pad=0+1x2+3 dilation=2 bias=no -> MAXPOOL 2 ceil",
    "INPUT 2x6x5 -> { CONV 3 1x1 -> BN epsilon=1e-3 | PASS } both: CONCAT -> DROPOUT 0.1 -> FC 3",
    "INPUT 2x6x5 -> { FC 3 } AUX 0.3 -> FC 4 -> CROSSENTROPY smoothing=0.1",
    "{ INPUT 5 | b: INPUT 7 -> FC 5 } ADD -> SOFTMAX -> LOGLOSS",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_round_trip_through_a_file(text: str) -> None:
    graph = parse(text)
    data = json.loads(json.dumps(to_json(graph), allow_nan=False))
    assert from_json(data) == graph
    assert repr(from_json(data)) == repr(graph), "tuples stay tuples, 0.0 stays 0.0"


def test_the_form_is_what_is_promised() -> None:
    assert to_json(parse("INPUT 7 -> { FC 2 } AUX 0.3 -> FC 3 bias=no")) == {
        "format": "striate-graph",
        "version": 1,
        "nodes": [
            {
                "name": "input",
                "operator": "Input",
                "settings": {"size": [7], "tokens": False},
                "inputs": [],
            },
            {
                "name": "fc1",
                "operator": "Dense",
                "settings": {"out_features": 2, "bias": True, "axis": None},
                "inputs": ["input"],
            },
            {
                "name": "fc2",
                "operator": "Dense",
                "settings": {"out_features": 3, "bias": False, "axis": None},
                "inputs": ["input"],
            },
        ],
        "auxiliary": [{"node": "fc1", "weight": 0.3}],
    }


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.__name__)
def test_settings_of_every_operator_are_plain(operator: type) -> None:
    node = Node("node", specimen(operator))
    data = json.loads(json.dumps(_node(node), allow_nan=False))
    assert _read_node(data, "nodes[0]") == node


def changed(*path: object, value: object = None) -> dict[str, Any]:
    """A good graph with one entry changed, or removed when there is no value."""
    data = json.loads(json.dumps(to_json(parse(TEXTS[3]))))
    at = data
    for key in path[:-1]:
        at = at[key]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return data  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "None is no object"),
        ([], "is no object"),
        (changed("format"), "format is missing"),
        (changed("nodes"), "nodes is missing"),
        (changed("format", value="onnx"), "the format is 'onnx', not striate-graph"),
        (changed("version", value=2), "version 2"),
        (changed("version", value=True), "version True"),
        (changed("nodes", value=3), "3 is no list"),
        (changed("nodes", value=[]), "needs at least an input"),
        (changed("nodes", 1, value="conv"), r"nodes\[1\]"),
        (changed("nodes", 2, "operator"), r"operator is missing\n  nodes\[2\]"),
        (changed("nodes", 2, "operator", value="Dens"), "Did you mean Dense"),
        (changed("nodes", 2, "operator", value=7), "7 is no text"),
        (changed("nodes", 2, "name", value=None) | {}, "name is missing"),
        (changed("nodes", 2, "name", value=7), "7 is no text"),
        (changed("nodes", 2, "name", value="a b"), "is not a name|does not exist"),
        (changed("nodes", 2, "inputs", value="flatten1"), "is no list"),
        (changed("nodes", 2, "inputs", value=[1]), r"inputs\[0\]"),
        (changed("nodes", 2, "inputs", value=["flaten1"]), "which does not exist"),
        (changed("nodes", 1, "inputs", value=[]), "takes 1 inputs, not 0|leads nowhere"),
        (changed("nodes", 2, "settings", value=[]), "is no object"),
        (changed("nodes", 2, "settings", value={"out": 3}), "no setting out"),
        (changed("nodes", 2, "settings", "out_features"), "Dense needs out_features"),
        (changed("nodes", 2, "settings", "out_features", value="3"), "features of Dense is '3'"),
        (changed("nodes", 2, "settings", "out_features", value=3.0), "features of Dense is 3.0"),
        (changed("nodes", 2, "settings", "out_features", value=True), "of Dense is True"),
        (changed("nodes", 2, "settings", "out_features", value=-3), "1 or more"),
        (changed("nodes", 2, "settings", "bias", value=1), "bias of Dense is 1"),
        (changed("nodes", 2, "input", value=[]), "'input' means nothing"),
        (changed("auxiliary", 0, "node", value="fc9"), "which does not exist"),
        (changed("auxiliary", 0, "weight", value="much"), "is no number"),
        (changed("auxiliary", 0, "weight", value=-1), "is no number"),
        (changed("auxiliary", value={}), "is no list"),
    ],
)  # fmt: skip
def test_wrong_data(data: Any, message: str) -> None:
    with pytest.raises(StriateError, match=message):
        from_json(data)
