"""An ONNX file as a list of nodes in plain Python, checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import OnnxError
from striate.exchange.onnx.tensors import array_of, type_name
from striate.exchange.onnx_package import package
from striate.files import read_bytes
from striate.graph.check import MOST_NODES
from striate.graph.settings import shown
from striate.ops.arrays import Array

MOST_BYTES = (1 << 31) - 1
"""What a protobuf may be; larger networks keep their weights in files beside it."""


@dataclass(frozen=True)
class Item:
    """One node of the file.

    Args:
        kind: its operator: Conv.
        inputs: the names of the values it reads; empty for one that is left out.
        metadata: what the exporter wrote beside it.
        proto: the node as the file has it.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    metadata: Mapping[str, str]
    proto: Any = field(repr=False)

    @property
    def title(self) -> str:
        """The node, in a message."""
        return f"{self.kind} {shown(self.name or next(iter(self.outputs), ''))}"


@dataclass(frozen=True)
class Content:
    """What an ONNX file holds.

    Args:
        version: of the operators.
        inputs: name -> (type, the length of each axis; None for a free one).
        arrays: the file's own arrays, by name.
    """

    version: int
    items: tuple[Item, ...]
    inputs: Mapping[str, tuple[str, tuple[int | None, ...]]]
    outputs: tuple[str, ...]
    arrays: Mapping[str, Array]


def read(path: Path) -> Content:
    """The content of an ONNX file.

    Raises:
        OnnxError: it is missing, damaged, or asks for what is not read.
    """
    model = _parsed(read_bytes(path, OnnxError, most=MOST_BYTES), path)
    version = _version(model)
    graph = model.graph
    if len(graph.node) > MOST_NODES:
        raise OnnxError(f"{path} has {len(graph.node):,} nodes, more than {MOST_NODES:,}")
    if graph.sparse_initializer:
        raise OnnxError(f"{path} holds sparse arrays", remedy="Store them as dense ones.")
    arrays = {_text(each.name): array_of(each, path.parent) for each in graph.initializer}
    declared = {_text(each.name): each for each in graph.input}
    inputs = {name: _declared(each) for name, each in declared.items() if name not in arrays}
    items = tuple(_item(node, path.parent) for node in graph.node)
    outputs = tuple(_text(each.name) for each in graph.output)
    if not inputs or not outputs:
        raise OnnxError(f"{path} holds no network: it names no {'output' if inputs else 'input'}")
    _check_order(items, outputs, {*arrays, *inputs})
    return Content(version, items, inputs, outputs, arrays)


def _parsed(content: bytes, path: Path) -> Any:
    model = package().ModelProto()
    try:
        model.ParseFromString(content)
        if model.functions:
            model = package("onnx.inliner").inline_local_functions(model)
    except Exception as problem:  # the parser's own kinds of error differ by its version
        reason = str(problem).strip().splitlines()
        raise OnnxError(
            f"{path} is not an ONNX file, or damaged", remedy=reason[0][:200] if reason else ""
        ) from None
    if not model.HasField("graph"):
        raise OnnxError(f"{path} is not an ONNX file, or damaged", remedy="It holds no network.")
    return model


def _version(model: Any) -> int:
    found = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    version = found[0] if found else 1
    newest = package("onnx.defs").onnx_opset_version()
    if not 1 <= version <= newest:
        raise OnnxError(
            f"the file was written for version {version} of ONNX's operators",
            remedy=f"The onnx package that is installed knows 1 to {newest}.",
        )
    return int(version)


def _declared(value: Any) -> tuple[str, tuple[int | None, ...]]:
    """The type and the sizes of an input."""
    if value.type.WhichOneof("value") != "tensor_type":
        raise OnnxError(f"the input {shown(value.name)} is no tensor")
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise OnnxError(f"the input {shown(value.name)} has no sizes")
    sizes = (each.dim_value if each.HasField("dim_value") else None for each in tensor.shape.dim)
    return type_name(tensor.elem_type), tuple(sizes)


def _item(node: Any, folder: Path) -> Item:
    if node.domain not in ("", "ai.onnx"):
        raise OnnxError(
            f"the node {shown(node.name)} is {shown(f'{node.domain}.{node.op_type}')}",
            remedy="Only ONNX's own operators are read.",
        )
    attributes = dict(_attributes(node, folder))
    metadata = {_text(each.key): _text(each.value) for each in node.metadata_props}
    ends = tuple(map(_text, node.input)), tuple(map(_text, node.output))
    return Item(_text(node.op_type), _text(node.name), *ends, attributes, metadata, node)


def _text(field: str | bytes) -> str:
    """A name; protobuf gives bytes where a file holds what is no text."""
    return field if isinstance(field, str) else field.decode("utf-8", "replace")


def _attributes(node: Any, folder: Path) -> Iterator[tuple[str, Any]]:
    types = package().AttributeProto
    for each in node.attribute:
        name = _text(each.name)
        if each.type in (types.GRAPH, types.GRAPHS):
            raise OnnxError(
                f"{node.op_type} {shown(node.name)} holds a network that runs or not, by its data",
                remedy="Export the module for one way through it.",
            )
        match each.type:
            case types.FLOAT:
                yield name, _shortest(each.f)
            case types.INT:
                yield name, int(each.i)
            case types.STRING:
                yield name, each.s.decode("utf-8", "replace")
            case types.TENSOR:
                yield name, array_of(each.t, folder)
            case types.FLOATS:
                yield name, tuple(map(_shortest, each.floats))
            case types.INTS:
                yield name, tuple(map(int, each.ints))
            case types.STRINGS:
                yield name, tuple(text.decode("utf-8", "replace") for text in each.strings)
            case _:
                raise OnnxError(f"{node.op_type} {shown(node.name)} has {shown(name)}, "
                                "which is of no known type")  # fmt: skip


def _shortest(number: float) -> float:
    """The shortest decimal number that is the same float32: 0.0005, not 0.0005000000237."""
    return float(str(np.float32(number)))


def _check_order(items: tuple[Item, ...], outputs: tuple[str, ...], known: set[str]) -> None:
    """Whether everything that is read was made before."""
    for item in items:
        for name in item.inputs:
            if name and name not in known:
                raise OnnxError(
                    f"{item.title} reads {shown(name)}, which nothing before it makes",
                    remedy="The nodes of a file stand in the order in which they run.",
                )
        for name in item.outputs:
            if name and name in known:
                raise OnnxError(f"{item.title} makes {shown(name)}, which is made already")
            known.add(name)
    for name in outputs:
        if name not in known:
            raise OnnxError(f"the output {shown(name)} is made by no node")
