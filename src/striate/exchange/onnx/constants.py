"""Nodes whose inputs are all known: computed at once, as far as they are small.

Exporters write shapes, indices and weights as chains of nodes. NumPy computes the usual ones;
others the evaluator of the onnx package. What would grow beyond `MOST` numbers is refused first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from striate.errors import OnnxError
from striate.exchange.onnx.file import Item
from striate.ops.arrays import Array

MOST = 1 << 28
"""Numbers of a value that is computed from constants."""


@dataclass(frozen=True)
class Known:
    """An array that is known when the file is read.

    Args:
        weight: the name of the weight of the file that it is, moved at most; empty for one that
            the exporter computed or wrote as a constant.
        shared: whether two nodes that read it share the weight.
    """

    array: Array
    weight: str = ""
    shared: bool = False


KnownInputs: TypeAlias = Sequence[Array]
Folding: TypeAlias = Callable[[Item, KnownInputs], Array]

MOVES = ("Identity", "Reshape", "Unsqueeze", "Squeeze", "Transpose", "Flatten", "Expand")
"""What leaves a weight the weight it was."""


def attribute_or_input(item: Item, inputs: KnownInputs, name: str, at: int) -> Array | None:
    """A parameter that older files have as an attribute and newer ones as an input."""
    if name in item.attributes:
        return np.asarray(item.attributes[name])
    return inputs[at] if at < len(inputs) and inputs[at] is not None else None


def _axes(item: Item, inputs: KnownInputs) -> tuple[int, ...]:
    found = attribute_or_input(item, inputs, "axes", 1)
    return () if found is None else tuple(map(int, found.ravel()))


def _constant(item: Item, inputs: KnownInputs) -> Array:
    for name, value in item.attributes.items():
        if name == "value":
            return np.asarray(value)
        kinds = {"value_float": np.float32, "value_int": np.int64}
        if name.rstrip("s") in kinds:
            return np.asarray(value, dtype=kinds[name.rstrip("s")])
    raise OnnxError(f"{item.title} has no value that is read")


def _constant_of_shape(item: Item, inputs: KnownInputs) -> Array:
    sizes = tuple(map(int, inputs[0].ravel()))
    value = np.asarray(item.attributes.get("value", np.zeros(1, np.float32))).ravel()
    if any(n < 0 for n in sizes) or value.size != 1 or prod(sizes) > 1 << 40:
        raise OnnxError(f"{item.title} would make an array of {sizes}")
    return np.broadcast_to(value[0], sizes)  # takes no memory


def reshaped(sizes: Sequence[int], old: Sequence[int], *, keeps_zero: bool = False) -> list[int]:
    """The sizes that Reshape means: 0 stays as it was, -1 takes what is left."""
    if not keeps_zero:
        sizes = [old[k] if n == 0 and k < len(old) else n for k, n in enumerate(sizes)]
    if -1 in sizes:
        known = -prod(sizes)
        rest = prod(old) // known if known > 0 and prod(old) % known == 0 else 0
        sizes = [rest if n == -1 else n for n in sizes]
    if prod(sizes) != prod(old) or any(n < 0 for n in sizes):
        raise OnnxError(f"{list(old)} cannot be reshaped to {list(sizes)}")
    return list(sizes)


def _reshape(item: Item, inputs: KnownInputs) -> Array:
    sizes = attribute_or_input(item, inputs, "shape", 1)
    if sizes is None:
        raise OnnxError(f"{item.title} names no sizes")
    keeps = bool(item.attributes.get("allowzero", 0))
    wanted = reshaped([int(n) for n in sizes.ravel()], inputs[0].shape, keeps_zero=keeps)
    return inputs[0].reshape(wanted)


def _unsqueeze(item: Item, inputs: KnownInputs) -> Array:
    return np.expand_dims(inputs[0], _axes(item, inputs))


def _squeeze(item: Item, inputs: KnownInputs) -> Array:
    return np.squeeze(inputs[0], _axes(item, inputs) or None)


def _flatten(item: Item, inputs: KnownInputs) -> Array:
    axis = item.attributes.get("axis", 1)
    return inputs[0].reshape(prod(inputs[0].shape[:axis]), -1)


def _slice(item: Item, inputs: KnownInputs) -> Array:
    found = [
        attribute_or_input(item, inputs, name, k + 1)
        for k, name in enumerate(("starts", "ends", "axes", "steps"))
    ]
    places: list[slice] = [slice(None)] * inputs[0].ndim
    for start, end, axis, step in slices(found):
        places[axis] = slice(
            start, None if step < 0 and end < -inputs[0].shape[axis] else end, step
        )
    return inputs[0][tuple(places)]


def slices(found: Sequence[Array | None]) -> list[tuple[int, int, int, int]]:
    """(start, end, axis, step) of each axis that is cut."""
    starts, ends, axes, steps = found
    if starts is None or ends is None:
        raise OnnxError("a Slice names no starts or no ends")
    count = starts.size
    axes = np.arange(count) if axes is None else axes
    steps = np.ones(count, int) if steps is None else steps
    rows = zip(*(each.ravel().tolist() for each in (starts, ends, axes, steps)), strict=True)
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in rows]


def _gather(item: Item, inputs: KnownInputs) -> Array:
    data, places = inputs
    grown = prod(data.shape) // max(1, data.shape[item.attributes.get("axis", 0)]) * places.size
    _check(item, grown)
    return np.take(data, places.astype(np.int64), axis=item.attributes.get("axis", 0))


def _expand(item: Item, inputs: KnownInputs) -> Array:
    sizes = tuple(map(int, inputs[1].ravel()))
    wanted = np.broadcast_shapes(inputs[0].shape, sizes)
    if prod(wanted) > 1 << 40:
        _check(item, prod(wanted))
    return np.broadcast_to(inputs[0], wanted)


def _tile(item: Item, inputs: KnownInputs) -> Array:
    _check(item, inputs[0].size * prod(map(int, inputs[1].ravel())))
    return np.tile(inputs[0], inputs[1].ravel())


def _range(item: Item, inputs: KnownInputs) -> Array:
    start, limit, step = (each.item() for each in inputs)
    _check(item, (limit - start) / step if step else MOST + 1)
    return np.arange(start, limit, step, dtype=inputs[0].dtype)


_NUMPY_TYPES = {
    "FLOAT": np.float32, "DOUBLE": np.float64, "FLOAT16": np.float32, "BFLOAT16": np.float32,
    "INT32": np.int32, "INT64": np.int64, "BOOL": np.bool_, "UINT8": np.uint8, "INT8": np.int8,
}  # fmt: skip


def _cast(item: Item, inputs: KnownInputs) -> Array:
    from striate.exchange.onnx.tensors import type_name

    kind = type_name(item.attributes.get("to", 0))
    if kind not in _NUMPY_TYPES:
        raise OnnxError(f"{item.title} makes numbers of the type {kind}, which are not read")
    return inputs[0].astype(_NUMPY_TYPES[kind])


def _same(function: Callable[..., Any]) -> Folding:
    return lambda item, inputs: np.asarray(function(*inputs))


def _divide(a: Array, b: Array) -> Array:
    if a.dtype.kind in "iu":
        return np.trunc(a / b).astype(a.dtype)
    return np.asarray(a / b)


def _merging(function: Callable[..., Any]) -> Folding:
    def merged(item: Item, inputs: KnownInputs) -> Array:
        _check(item, prod(np.broadcast_shapes(*(each.shape for each in inputs))))
        return np.asarray(function(*inputs)).astype(inputs[0].dtype)

    return merged


def _comparing(function: Callable[..., Any]) -> Folding:
    def compared(item: Item, inputs: KnownInputs) -> Array:
        _check(item, prod(np.broadcast_shapes(*(each.shape for each in inputs))))
        return np.asarray(function(*inputs))

    return compared


MAKERS: Mapping[str, Folding] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": _same(lambda x: x),
    "Reshape": _reshape,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Flatten": _flatten,
    "Transpose": lambda item, inputs: inputs[0].transpose(item.attributes.get("perm")),
    "Slice": _slice,
    "Gather": _gather,
    "Concat": lambda item, inputs: np.concatenate(inputs, axis=item.attributes.get("axis", 1)),
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Cast": _cast,
    "Shape": lambda item, inputs: shape_of(item, inputs[0].shape),
    "Size": lambda item, inputs: np.array(inputs[0].size, np.int64),
    "Add": _merging(np.add),
    "Sub": _merging(np.subtract),
    "Mul": _merging(np.multiply),
    "Div": _merging(_divide),
    "Pow": _merging(np.power),
    "Neg": _same(np.negative),
    "Sqrt": _same(np.sqrt),
    "Abs": _same(np.abs),
    "Exp": _same(np.exp),
    "Floor": _same(np.floor),
    "Ceil": _same(np.ceil),
    "Not": _same(np.logical_not),
    "And": _comparing(np.logical_and),
    "Or": _comparing(np.logical_or),
    "Equal": _comparing(np.equal),
    "Less": _comparing(np.less),
    "Greater": _comparing(np.greater),
    "Where": _comparing(np.where),
}


def shape_of(item: Item, sizes: Sequence[int]) -> Array:
    """What Shape answers for a value of these sizes."""
    part = slice(item.attributes.get("start", 0), item.attributes.get("end"))
    return np.array([*sizes], np.int64)[part]


def folded(item: Item, inputs: Sequence[Known | None], version: int) -> list[Known]:
    """The outputs of a node whose inputs are all known.

    Raises:
        OnnxError: it cannot be computed, or would be too large.
    """
    arrays = [None if each is None else each.array for each in inputs]
    try:
        with np.errstate(all="ignore"):
            if item.kind in MAKERS:
                made = [MAKERS[item.kind](item, arrays)]  # type: ignore[arg-type]
            else:
                from striate.exchange.onnx.evaluation import evaluated

                made = evaluated(item, arrays, version, MOST)
    except OnnxError:
        raise
    except Exception as problem:  # whatever NumPy says of settings that mean nothing
        raise OnnxError(f"{item.title} cannot be computed: {problem}") from None
    first = inputs[0] if inputs else None
    whole = first is not None and made[0].size == first.array.size
    if first is not None and first.weight and whole and item.kind in MOVES:
        return [Known(made[0], first.weight)]
    named = item.outputs[0] if item.kind == "ConstantOfShape" and made[0].size > 1 else ""
    return [Known(each, named) for each in made]


def _check(item: Item, count: float) -> None:
    if not 0 <= count <= MOST:
        raise OnnxError(
            f"{item.title} would make {count:,.10g} numbers out of constants",
            remedy=f"Up to {MOST:,} are computed.",
        )
