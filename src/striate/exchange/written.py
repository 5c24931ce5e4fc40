"""Numbers that a person writes down: the matrix of a small picture, the weights of a small network.

# picture.csv        # weights.yaml
1, 2, 3              conv1:
4, 5, 6                weight: [[1, 0], [0, -1]]
7, 8, 9                bias: 0.5
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from striate.display import shape_text
from striate.errors import DataError, StriateError, WeightsError, did_you_mean
from striate.exchange import yaml_file
from striate.files import read_text
from striate.graph import Graph
from striate.ops.arrays import Array

YAML, ROWS = (".yaml", ".yml", ".json"), (".csv", ".tsv", ".txt")
MATRICES = YAML + ROWS
"""How the files of matrices end."""

MOST_BYTES = 4_000_000


def is_matrix(path: Path | str) -> bool:
    """Whether a file is read as numbers rather than as a picture, by its ending.

    >>> is_matrix("three.csv"), is_matrix("three.png")
    (True, False)
    """
    return Path(path).suffix.lower() in MATRICES


def read_matrix(path: Path | str) -> Array:
    """The numbers of a file, in float64: nested lists in YAML or JSON, or rows of text.

    In text, commas, semicolons or spaces stand between the numbers of a row, and an empty line
    between two channels.

    Raises:
        DataError: it cannot be read, is not rectangular, or holds what is no finite number.
    """
    file = Path(path)
    if file.suffix.lower() in YAML:
        return _array(yaml_file.read(file, DataError), str(path), DataError)
    text = read_text(file, DataError, most=MOST_BYTES)
    blocks = [block for block in re.split(r"\n[ \t\r]*\n", text) if block.strip()]
    channels = [[_row(line) for line in block.splitlines() if line.strip()] for block in blocks]
    return _array(channels[0] if len(channels) == 1 else channels, str(path), DataError)


def _row(line: str) -> list[object]:
    return [_number(word) for word in re.split(r"[,;\s]+", line.strip().rstrip(",;"))]


def _number(word: str) -> object:
    try:
        return float(word)
    except ValueError:
        return word


def read_weights(path: Path | str, graph: Graph) -> dict[str, dict[str, Array]]:
    """Weights by node and name, in float32, from a YAML file; each has the shape of the graph's.

    Axes of 1 in front may be left out: [[1, 0], [0, -1]] is a kernel of one map from one map.

    Raises:
        WeightsError: it cannot be read, names what the graph has not, or has another shape.
    """
    found: dict[str, dict[str, Array]] = {}
    table = yaml_file.read_table(Path(path), WeightsError, "weights by node: conv1: {weight: …}")
    for node, own in table.items():
        wanted = graph.own_weights(graph[node]) if node in graph else {}
        if not wanted:
            having = [each.name for each in graph if graph.own_weights(each)]
            raise WeightsError(
                f"{path} has weights for {node}, which the network has not",
                remedy=did_you_mean(node, having) or f"Nodes with weights: {', '.join(having)}.",
            )
        if not isinstance(own, Mapping):
            raise WeightsError(
                f"{node} in {path} names no weights", remedy=f"It has {' and '.join(wanted)}."
            )
        found[node] = {}
        for name, values in own.items():
            if name not in wanted:
                raise WeightsError(
                    f"{node} has no {name}", remedy=f"It has {' and '.join(wanted)}."
                )
            where = f"{node}.{name} in {path}"
            array = _array(values, where, WeightsError).astype(np.float32)
            found[node][name] = _shaped(array, wanted[name].shape, where)
    return found


def check_complete(
    graph: Graph, weights: Mapping[str, Mapping[str, Array]], path: Path | str
) -> None:
    """Refuse weights that leave some out.

    Raises:
        WeightsError: the first one that is missing is named, with its shape.
    """
    for node in graph:
        for name, weight in graph.own_weights(node).items():
            if name not in weights.get(node.name, {}):
                shape = shape_text(weight.shape)
                off = f"; or write {name}=no in the network" if name == "bias" else ""
                raise WeightsError(
                    f"{node.name}.{name} ({shape}) is not in {path}",
                    remedy=f"Add it{off}; or give --seed, which draws what is missing.",
                )


def _shaped(array: Array, shape: tuple[int, ...], where: str) -> Array:
    front = len(shape) - array.ndim
    if front < 0 or shape[front:] != array.shape or set(shape[:front]) - {1}:
        given, wanted = (shape_text(each, "one number") for each in (array.shape, shape))
        raise WeightsError(f"{where} is {given}, but the network needs {wanted}")
    return array.reshape(shape)


def _array(values: Any, where: str, error: type[StriateError]) -> Array:
    """Nested lists of finite numbers as an array."""
    wrong = _not_a_number(values)
    if wrong is not None:
        raise error(f"{where} holds {str(wrong)[:40]!r}, which is no number")
    try:
        array: Array = np.asarray(values, dtype=np.float64)
    except (ValueError, OverflowError):
        raise error(f"{where} is no matrix", remedy="Give every row the same length.") from None
    if not array.size:
        raise error(f"{where} holds no numbers")
    if not np.isfinite(array).all():
        raise error(f"{where} holds a number that is not finite")
    return array


def _not_a_number(values: Any) -> object:
    """The first entry of nested lists that is no number; None where all are."""
    if isinstance(values, list):
        return next((wrong for each in values if (wrong := _not_a_number(each)) is not None), None)
    if isinstance(values, int | float) and not isinstance(values, bool):
        return None
    return "nothing" if values is None else values
