"""One node computed by the evaluator of the onnx package: what has no row of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from striate.errors import OnnxError, StriateError
from striate.exchange.onnx.file import Item
from striate.exchange.onnx_package import package
from striate.graph import Index
from striate.ops.arrays import Array


@dataclass(frozen=True)
class KnownValue:
    """A value that comes in: what is known of it when the node is looked at."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class OneNode:
    """A node as a model of its own; computes an opaque operator.

    Args:
        content: the model, serialized.
        dtypes: the types of its inputs.
        output: which of the node's outputs is meant.
    """

    title: str
    content: bytes = field(repr=False)
    dtypes: tuple[str, ...]
    output: str

    def value(self, *inputs: Array) -> Array:
        """The output (N, …) of arrays (N, …), one picture at a time, as the file has it."""
        found = [self._one(arrays) for arrays in zip(*(_split(x) for x in inputs), strict=True)]
        return np.concatenate(found)

    def _one(self, arrays: tuple[Array, ...]) -> Array:
        feed = {
            f"input{k}": x.astype(kind)
            for k, (x, kind) in enumerate(zip(arrays, self.dtypes, strict=True))
        }
        try:
            (found,) = _evaluator(self.content).run([self.output], feed)
        except Exception as problem:  # whatever the evaluator meets
            raise StriateError(f"{self.title} cannot be computed: {problem}") from None
        return np.asarray(found)

    def gradients(self, error: Array, *inputs: Array) -> tuple[Array, ...]:
        """Refused: ONNX knows no derivatives."""
        raise self._refusal()

    def derivative(self, slot: int, index: Index, *inputs: Array) -> Array:
        """Refused: ONNX knows no derivatives."""
        raise self._refusal()

    def _refusal(self) -> StriateError:
        return StriateError(
            f"{self.title} has no derivative: ONNX says what it computes, not how it changes",
            remedy="Ask for a value, or for a gradient behind it.",
        )


def _split(x: Array) -> list[Array]:
    return [x[k : k + 1] for k in range(len(x))]


@lru_cache(maxsize=64)
def _evaluator(content: bytes) -> Any:
    return package("onnx.reference").ReferenceEvaluator(package().load_model_from_string(content))


def alone(
    item: Item, inputs: Sequence[KnownValue | Array | None], version: int
) -> tuple[Any, list[KnownValue]]:
    """The node as a model, and what comes out of it; arrays are kept in the model.

    Raises:
        OnnxError: the onnx package cannot say what comes out.
    """
    helper, node = package("onnx.helper"), package().NodeProto()
    node.CopyFrom(item.proto)
    del node.input[:]
    coming, kept, count = [], [], 0
    for k, each in enumerate(inputs):
        name = ""
        if isinstance(each, KnownValue):
            name, kind = f"input{count}", helper.np_dtype_to_tensor_dtype(each.dtype)
            coming.append(helper.make_tensor_value_info(name, kind, each.shape))
            count += 1
        elif each is not None:
            name = f"constant{k}"
            kept.append(package("onnx.numpy_helper").from_array(np.array(each, order="C"), name))
        node.input.append(name)
    names = [name for name in node.output if name]
    going = [helper.make_empty_tensor_value_info(name) for name in names]
    graph = helper.make_graph([node], "one", coming, going, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
    return model, _inferred(model, item)


def _inferred(model: Any, item: Item) -> list[KnownValue]:
    helper = package("onnx.helper")
    try:
        known = package("onnx.shape_inference").infer_shapes(
            model, strict_mode=True, data_prop=True
        )
    except Exception as problem:  # its own kinds of error
        reason = str(problem).strip().splitlines() or [""]
        raise OnnxError(f"{item.title} does not fit what reaches it: {reason[-1][:200]}") from None
    found = []
    for each in known.graph.output:
        tensor = each.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else 0 for d in tensor.shape.dim]
        if not tensor.HasField("shape") or min(dims, default=1) < 1 or not tensor.elem_type:
            raise OnnxError(f"{item.title} makes a value whose size depends on the numbers in it")
        found.append(KnownValue(tuple(dims), helper.tensor_dtype_to_np_dtype(tensor.elem_type)))
    return found


def evaluated(item: Item, arrays: Sequence[Array | None], version: int, most: int) -> list[Array]:
    """The outputs of a node whose inputs are all known, of at most `most` numbers."""
    model, values = alone(item, arrays, version)
    if sum(prod(each.shape) for each in values) > most:
        raise OnnxError(f"{item.title} would make more than {most:,} numbers out of constants")
    return [
        np.asarray(each)
        for each in package("onnx.reference").ReferenceEvaluator(model).run(None, {})
    ]
