"""Sums, differences, products and quotients: of two values, or of one and an array of the file.

A single number becomes AFFINE. A weight of the file becomes SHIFT or SCALE, which are trained; an
array that the exporter computed becomes CONSTANT, which is not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from striate import ops
from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.rows.activation import bounded
from striate.exchange.onnx.step import (
    Flow,
    MixesError,
    NotOurs,
    OnnxNode,
    OnnxRow,
    OnnxRows,
    Outcome,
)
from striate.graph import Operator
from striate.ops.arrays import Array

Merger = Callable[[], Operator]


def _merging(
    merger: Merger, with_number: Callable[[OnnxNode, str, float, bool], Outcome | None]
) -> OnnxRow:
    """A row of two inputs, one of which the file may give.

    Args:
        with_number: what it makes of a value and a number, and whether the number stands first.
    """

    def row(step: OnnxNode) -> Outcome:
        flows = [each.key for each in step.inputs if isinstance(each, Flow)]
        if len(flows) == len(step.inputs) == 2:
            return step.add(merger(), *_alike(step, flows))
        if len(step.inputs) != 2:
            raise NotOurs("it does not have two inputs")
        place = next(k for k, each in enumerate(step.inputs) if not isinstance(each, Flow))
        given, x = step.needed(place), flows[0]
        spreads = given.array.size == 1 and given.array.ndim <= step.drafts.spec(x).rank + 1
        if spreads and not _is_trained(given):
            made = with_number(step, x, float(given.array.ravel()[0]), place == 0)
            if made is not None:
                return made
        return _with_array(step, merger, x, _aligned(step, given, x), first=place == 0)

    return row


def _alike(step: OnnxNode, flows: list[str]) -> list[str]:
    if len({step.drafts.spec(each).rank for each in flows}) > 1:
        raise NotOurs("its inputs have different axes")
    return flows


def _is_trained(given: Known) -> bool:
    """Whether a single number is a weight: PyTorch calls those by a path."""
    return "." in given.weight and "::" not in given.weight


def _aligned(step: OnnxNode, given: Known, x: str) -> Known:
    """An array as it meets a value: with the same axes, that of the pictures left out."""
    rank, array = step.drafts.spec(x).rank, given.array
    if step.version < 7 and array.ndim and step.get("broadcast", 0):
        start = step.get("axis", rank + 1 - array.ndim) % (rank + 1)
        array = array.reshape(*array.shape, *[1] * (rank + 1 - start - array.ndim))
    if array.ndim == rank + 1 and array.shape[0] == 1:
        array = array[0]
    if array.ndim > rank:
        raise MixesError("an array of the file stands for several pictures")
    sizes = (*[1] * (rank - array.ndim), *array.shape)
    return Known(array.reshape(sizes), given.weight, given.shared)


def _with_array(step: OnnxNode, merger: Merger, x: str, given: Known, *, first: bool) -> Outcome:
    spec, kind = step.drafts.spec(x), step.item.kind
    array = given.array
    fits = all(n in (1, m) for n, m in zip(array.shape, spec.shape, strict=True))
    if given.weight and fits and kind in ("Add", "Mul"):
        bias = _as_bias(step, x, given) if kind == "Add" else None
        if bias is not None:
            return bias
        operator = ops.Shift if kind == "Add" else ops.Scale
        return step.add(operator(_size(array, spec.shape)), x, weight=given)
    constant = step.add(ops.Constant(array.shape), value=array)
    return step.add(merger(), *((constant, x) if first else (x, constant)))


def _size(array: Array, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The size of a weight; none where it has one number per channel."""
    return None if array.shape == (shape[0], *[1] * (len(shape) - 1)) else array.shape


def _as_bias(step: OnnxNode, x: str, given: Known) -> Outcome | None:
    """The bias of the layer in front, where the exporter wrote product and sum apart."""
    operator = step.drafts.operator(x)
    place = next(k for k, each in enumerate(step.inputs) if isinstance(each, Flow))
    if not isinstance(operator, ops.Dense) or operator.bias or not step.once(place):
        return None
    spec = step.drafts.spec(x)
    at = operator.along(spec)
    if given.array.size != operator.out_features or given.array.shape[at] != spec.shape[at]:
        return None
    whole = ops.Dense(operator.out_features, axis=operator.axis)
    bias = Known(given.array.ravel(), given.weight, given.shared)
    return step.drafts.replace(x, whole, {"bias": bias})


def _plus(step: OnnxNode, x: str, number: float, first: bool) -> Outcome:
    return step.add(ops.Affine(1.0, number), x) if number else x


def _minus(step: OnnxNode, x: str, number: float, first: bool) -> Outcome:
    return step.add(ops.Affine(-1.0, number) if first else ops.Affine(1.0, -number), x)


def _times(step: OnnxNode, x: str, number: float, first: bool) -> Outcome:
    return step.add(ops.Affine(number), x) if number != 1 else x


def _over(step: OnnxNode, x: str, number: float, first: bool) -> Outcome | None:
    if first or number == 0:
        return step.add(ops.Power(-1.0), x) if first and number == 1 else None
    return step.add(ops.Affine(1.0 / number), x) if number != 1 else x


def _sum(step: OnnxNode) -> Outcome:
    keys = [_value(step, each) for each in step.inputs if each is not None]
    return keys[0] if len(keys) == 1 else step.add(ops.Add(), *_alike(step, keys))


def _value(step: OnnxNode, given: Flow | Known) -> str:
    if isinstance(given, Flow):
        return given.key
    flow = next(each.key for each in step.inputs if isinstance(each, Flow))
    array = _aligned(step, given, flow).array
    return step.add(ops.Constant(array.shape), value=array)


def _mean(step: OnnxNode) -> Outcome:
    return step.add(ops.Affine(1.0 / len(step.inputs)), str(_sum(step)))


def _bound(low: bool) -> OnnxRow:
    """The larger, or the smaller, of a value and a number of the file."""

    def row(step: OnnxNode) -> Outcome:
        flows = [each.key for each in step.inputs if isinstance(each, Flow)]
        givens = [each for each in step.inputs if isinstance(each, Known)]
        if len(flows) != 1 or len(givens) != 1 or givens[0].array.size != 1:
            raise NotOurs("it compares two values")
        number = float(givens[0].array.ravel()[0])
        return bounded(step, flows[0], number if low else -inf, inf if low else number)

    return row


def _image_scaler(step: OnnxNode) -> Outcome:
    """An operator that was tried before there were versions: a factor, and a number per channel."""
    scaled = step.add(ops.Affine(step.get("scale", 1.0)))
    array = np.array(step.get("bias", ()), np.float32).reshape(-1, 1, 1)
    return step.add(ops.Add(), scaled, step.add(ops.Constant(array.shape), value=array))


ROWS: OnnxRows = {
    "Add": _merging(ops.Add, _plus),
    "Sub": _merging(ops.Subtract, _minus),
    "Mul": _merging(ops.Multiply, _times),
    "Div": _merging(ops.Divide, _over),
    "Sum": _sum,
    "Mean": _mean,
    "Max": _bound(low=True),
    "Min": _bound(low=False),
    "ImageScaler": _image_scaler,
}
