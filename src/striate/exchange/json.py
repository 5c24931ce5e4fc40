"""A graph as plain JSON, exactly: for files and for programs in other languages.

    {"format": "striate-graph", "version": 1,
     "nodes": [{"name": "conv1", "operator": "Conv", "settings": {"out_channels": 6, …},
                "inputs": ["input"]}, …],
     "auxiliary": [{"node": "exit1", "weight": 0.3}]}

A node that uses the weights of another names it: "shares": "conv1". Every setting is written,
defaults too, so that a file means the same when a default changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isinf
from typing import Any

from striate.errors import GraphError, SettingError, StriateError, did_you_mean
from striate.exchange.fields import is_number
from striate.graph import Auxiliary, Graph, Node, Operator
from striate.graph.settings import made, settings_of, shown
from striate.ops import OPERATORS

FORMAT, VERSION = "striate-graph", 1

LONGEST_NAME = 500

_BY_NAME = {operator.__name__: operator for operator in OPERATORS}


def to_json(graph: Graph) -> dict[str, Any]:
    """The graph as what `json.dumps` takes: `from_json(to_json(graph)) == graph`."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "nodes": [_node(node) for node in graph],
        "auxiliary": [{"node": each.node, "weight": each.weight} for each in graph.auxiliary],
    }


def _node(node: Node) -> dict[str, Any]:
    kind = type(node.operator)
    settings = {name: _plain(getattr(node.operator, name)) for name in settings_of(kind)}
    shares = {"shares": node.shares} if node.shares else {}
    return {
        "name": node.name,
        "operator": kind.__name__,
        "settings": settings,
        "inputs": list(node.inputs),
        **shares,
    }


def _plain(value: object) -> object:
    """JSON has lists for tuples, and no infinity."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and isinf(value) else value


def from_json(data: Mapping[str, Any]) -> Graph:
    """The graph that `to_json` wrote.

    Raises:
        GraphError, SettingError, ShapeError: the data is no graph; `where` names the entry.
    """
    data = _object(data, "the graph", ("format", "version", "nodes"), ("auxiliary",))
    if data["format"] != FORMAT:
        raise GraphError(
            f"the format is {shown(data['format'])}, not {FORMAT}",
            remedy="Write graphs with striate.exchange.json.to_json.",
        )
    if type(data["version"]) is not int or data["version"] != VERSION:
        raise GraphError(
            f"version {shown(data['version'])} of {FORMAT} cannot be read",
            remedy=f"This Striate reads version {VERSION}; a newer one may have written it.",
        )
    nodes = _list(data["nodes"], "nodes")
    exits = _list(data.get("auxiliary", []), "auxiliary")
    return Graph(
        tuple(_read_node(each, f"nodes[{k}]") for k, each in enumerate(nodes)),
        tuple(_read_exit(each, f"auxiliary[{k}]") for k, each in enumerate(exits)),
    )


def _read_node(data: object, where: str) -> Node:
    entry = _object(data, where, ("name", "operator", "settings", "inputs"), ("shares",))
    name = _text(entry["name"], f"{where}.name")
    inputs = _list(entry["inputs"], f"{where}.inputs")
    names = tuple(_text(each, f"{where}.inputs[{k}]") for k, each in enumerate(inputs))
    shares = _text(entry.get("shares", ""), f"{where}.shares")
    where = f"{where} ({shown(name)})"
    kind = _text(entry["operator"], f"{where}.operator")
    if kind not in _BY_NAME:
        raise GraphError(
            f"there is no operator {shown(kind)}",
            where=where,
            remedy=did_you_mean(kind, _BY_NAME) or f"There are {', '.join(_BY_NAME)}.",
        )
    return Node(name, _read_operator(_BY_NAME[kind], entry["settings"], where), names, shares)


def _read_operator(kind: type[Operator], data: object, where: str) -> Operator:
    if not isinstance(data, Mapping) or not all(isinstance(key, str) for key in data):
        raise _wrong(data, f"{where}.settings", "an object")
    try:
        return made(kind, data)
    except SettingError as error:
        at = "\n".join(part for part in (where, error.where) if part)
        raise SettingError(error.what, where=at, remedy=error.remedy) from None


def _read_exit(data: object, where: str) -> Auxiliary:
    entry = _object(data, where, ("node",), ("weight",))
    weight = entry.get("weight", 1.0)
    if not is_number(weight) or weight <= 0:
        raise _wrong(weight, f"{where}.weight", "a number above 0")
    return Auxiliary(_text(entry["node"], f"{where}.node"), float(weight))


def _object(
    data: object, where: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _wrong(data, where, "an object")
    for key in needed:
        if key not in data:
            raise GraphError(f"{key} is missing", where=where, remedy=f"It needs {_all(needed)}.")
    for key in data:
        if key not in (*needed, *optional):
            near = did_you_mean(str(key), (*needed, *optional))
            raise GraphError(
                f"{shown(key)} means nothing",
                where=where,
                remedy=near or f"It has {_all((*needed, *optional))}.",
            )
    return data


def _all(keys: tuple[str, ...]) -> str:
    return ", ".join(keys)


def _list(data: object, where: str) -> list[object]:
    if not isinstance(data, list | tuple):
        raise _wrong(data, where, "a list")
    return list(data)


def _text(data: object, where: str) -> str:
    if not isinstance(data, str) or len(data) > LONGEST_NAME:
        raise _wrong(data, where, "a text")
    return data


def _wrong(data: object, where: str, wanted: str) -> StriateError:
    return GraphError(f"{shown(data)} is no {wanted.split(' ', 1)[1]}", where=where,
                      remedy=f"Here stands {wanted}.")  # fmt: skip
