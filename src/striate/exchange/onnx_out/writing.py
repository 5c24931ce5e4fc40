"""A network and its weights as one ONNX file, by a table from our operators to ONNX's.

Every node of ours becomes one ONNX node of its name, with its value under its name, and before it,
where ONNX has no such operator, a few helpers called name/1, name/2 …. So what a runtime computes
can be held against the network node by node, and a file that is read again has the names it left
with. Nothing is folded: runtimes do that when they load a file, for the machine they run on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from striate.errors import OnnxError
from striate.exchange.onnx_out import arithmetic, layers, recurrent, shaping
from striate.exchange.onnx_out.place import NodeWriter, Sheet, WriterRow
from striate.exchange.onnx_package import package
from striate.exchange.own_version import own_version
from striate.graph import Graph, Operator
from striate.ops.arrays import Weights

OPSET = 17
IR_VERSION = 8
"""Of the first onnx package that knows opset 17."""

MOST = 2**31 - 2**20
"""Bytes of arrays in a file: protobuf ends at 2 GiB."""

PICTURE, PROBABILITIES, SCORES = "picture", "probabilities", "scores"
"""Names of the values that enter and leave a file."""

ROWS: Mapping[type[Operator], WriterRow] = {
    **arithmetic.ROWS,
    **layers.ROWS,
    **recurrent.ROWS,
    **shaping.ROWS,
}
"""How each operator is written, as it predicts."""


Scaling: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""What is done to the pixels of a picture: times a factor, plus an offset, a channel each."""


def onnx_model(
    graph: Graph,
    weights: Weights,
    *,
    scaling: Scaling | None = None,
    classes: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    every: bool = False,
) -> Any:
    """The network up to its scores, as it predicts, as an `onnx.ModelProto`.

    Args:
        graph: any network whose operators have a row in the table.
        weights: node -> name -> array, of the nodes that keep them.
        scaling: of pixels. With it the file takes a batch of uint8 pictures, "picture", and answers
            with "probabilities" (N, classes). Without it the file takes what the network takes,
            under the names of its inputs, and answers with "scores".
        classes: names by index of the scores; they go into the metadata, as a list in JSON.
        metadata: more texts by name, for those who read the file.
        every: whether the value of each node of the network is an output too, under its name.

    Raises:
        OnnxError: an operator that has no row, or arrays that are too large for one file; or the
            package `onnx` is not installed.
    """
    helper = package("onnx.helper")
    _check(graph, weights)
    names = value_names(graph, weights)
    sheet, entering = _entered(graph, names, scaling)
    read = graph.sources([graph.scores.name])
    for node in graph:
        if node.name in read and not node.operator.is_input:
            values = tuple(names[each] for each in node.inputs)
            own = graph.arrays(node, weights)
            place = NodeWriter(sheet, graph, node, values, own, names[node.name])
            place.end(ROWS[type(node.operator)](node.operator, place))
    leaving = [_left(graph, names[graph.scores.name], sheet, scaling is not None)]
    if every:
        nodes = (node.name for node in graph if node.name in read)
        leaving += [_value(names[name], graph.specs[name].shape) for name in nodes]
    from_array = package("onnx.numpy_helper").from_array
    arrays = [from_array(array, name) for name, array in sheet.arrays.items()]
    made = helper.make_graph(sheet.nodes, "network", entering, leaving, arrays)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    model.producer_name, model.producer_version = "striate", own_version()
    listed = {"classes": json.dumps(list(classes), ensure_ascii=False)} if classes else {}
    helper.set_model_props(model, {"striate": own_version(), **listed, **(metadata or {})})
    return model


def onnx_bytes(model: Any) -> bytes:
    """The content of the file: the same for the same model."""
    return bytes(model.SerializeToString(deterministic=True))


def _check(graph: Graph, weights: Weights) -> None:
    if not graph.inputs:
        raise OnnxError("a network without an input has no batch", remedy="Start with INPUT.")
    for node in graph.upto(graph.scores.name):
        if not node.operator.is_input and type(node.operator) not in ROWS:
            kind = type(node.operator).__name__
            raise OnnxError(
                f"{node.name} ({kind}) has no form in ONNX",
                remedy="It is computed by a program of its own, which no ONNX file can hold."
                if node.operator.is_foreign
                else "No row of striate.exchange.onnx_out says how it would be written.",
            )
    size = sum(4 * array.size for own in weights.values() for array in own.values())
    if size > MOST:
        raise OnnxError(
            f"the weights take {size:,} bytes, more than the {MOST:,} of one ONNX file",
            remedy="Formats for larger networks: striate export --to python, with a model file.",
        )


def value_names(graph: Graph, weights: Weights) -> dict[str, str]:
    """For each node the name of its value in the file.

    It is the node's own, but for one that is an array's or the file's.
    """
    taken = {PICTURE, PROBABILITIES, SCORES}
    taken |= {f"{node}.{name}" for node, own in weights.items() for name in own}
    return {node.name: node.name + "/" * (node.name in taken) for node in graph}


def _entered(
    graph: Graph, names: Mapping[str, str], scaling: Scaling | None
) -> tuple[Sheet, list[Any]]:
    """What enters the file, and a sheet with what is done to it."""
    if scaling is None:
        entering = [_value(names[n.name], graph.specs[n.name].shape) for n in graph.inputs]
        return Sheet(entrance=names[graph.inputs[0].name]), entering
    (entrance,) = graph.inputs
    sheet = Sheet(entrance=PICTURE)
    at = NodeWriter(sheet, graph, entrance, (PICTURE,), {}, names[entrance.name])
    types = package("onnx").TensorProto
    column = (-1, 1, 1)
    factor, offset = (
        at.constant(np.array(each, dtype=np.float32).reshape(column)) for each in scaling
    )
    wide = at.put("Cast", PICTURE, to=types.FLOAT)
    at.end(at.put("Add", at.put("Mul", wide, factor), offset))
    return sheet, [_value(PICTURE, graph.specs[entrance.name].shape, types.UINT8)]


def _left(graph: Graph, scores: str, sheet: Sheet, as_probabilities: bool) -> Any:
    """What leaves the file: scores, or the probabilities they stand for."""
    last = graph.specs[graph.scores.name]
    if not as_probabilities:
        sheet.node("Identity", (scores,), SCORES)
        return _value(SCORES, last.shape)
    rows = sheet.node("Flatten", (scores,), f"{PROBABILITIES}/1", axis=1)
    if graph.gives_shares(graph.scores.name):
        sheet.node("Identity", (rows,), PROBABILITIES)
    else:
        if graph.scores.operator.is_penalty:
            rows = sheet.node("Neg", (rows,), f"{PROBABILITIES}/2")
        sheet.node("Softmax", (rows,), PROBABILITIES, axis=1)
    return _value(PROBABILITIES, (last.size,))


def _value(name: str, shape: tuple[int, ...], kind: int | None = None) -> Any:
    """The description of a value of any number of pictures; of float32 unless it is said."""
    kind = package("onnx").TensorProto.FLOAT if kind is None else kind
    return package("onnx.helper").make_tensor_value_info(name, kind, ["N", *shape])
