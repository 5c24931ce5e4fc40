"""Layers whose weights the file holds: convolutions and products with a matrix."""

from __future__ import annotations

import numpy as np

from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.rows.windows import padding, spatial
from striate.exchange.onnx.step import (
    KnownOrArray,
    MixesError,
    NotOurs,
    OnnxNode,
    OnnxRows,
    Outcome,
)
from striate.graph import Padding
from striate.ops import Constant, Conv, Dense, MatMul, TransposedConv
from striate.ops.arrays import Array


def _weights(step: OnnxNode) -> dict[str, KnownOrArray]:
    found: dict[str, KnownOrArray] = {"weight": step.needed(1)}
    bias = step.known(2)
    return found if bias is None else {**found, "bias": bias}


def _conv(step: OnnxNode) -> Outcome:
    weights = _weights(step)
    shape = step.needed(1).array.shape
    spatial(step, "kernel_shape")
    operator = Conv(
        shape[0],
        shape[2:],
        stride=spatial(step, "strides"),
        padding=padding(step),
        dilation=spatial(step, "dilations"),
        groups=step.get("group", 1),
        bias="bias" in weights,
    )
    return step.add(operator, **weights)


def _transposed_conv(step: OnnxNode) -> Outcome:
    weights, groups = _weights(step), step.get("group", 1)
    shape = step.needed(1).array.shape
    sides, behind = _cut(step, shape[2:])
    operator = TransposedConv(
        shape[1] * groups,
        shape[2:],
        stride=spatial(step, "strides"),
        padding=sides,
        output_padding=behind,
        dilation=spatial(step, "dilations"),
        groups=groups,
        bias="bias" in weights,
    )
    return step.add(operator, **weights)


def _cut(step: OnnxNode, kernel: tuple[int, ...]) -> tuple[Padding, tuple[int, ...]]:
    """What a transposed convolution cuts off on both sides, and puts behind."""
    strides, behind = spatial(step, "strides"), spatial(step, "output_padding", 0)
    dilations, word = spatial(step, "dilations"), step.get("auto_pad", "NOTSET")
    wanted = step.get("output_shape", None)
    if wanted is None and word not in ("SAME_UPPER", "SAME_LOWER"):
        return padding(step), behind
    sizes = step.spec.spatial
    if wanted is None:
        wanted = tuple(n * s for n, s in zip(sizes, strides, strict=True))
    sides, more = list[tuple[int, int]](), list[int]()
    rows = zip(sizes, strides, dilations, kernel, behind, wanted[-len(sizes) :], strict=True)
    for n, stride, dilation, taps, given, goal in rows:
        total = stride * (n - 1) + given + dilation * (taps - 1) + 1 - goal
        half = max(total, 0) // 2
        rest = max(total, 0) - half
        sides.append((half, rest) if word == "SAME_UPPER" else (rest, half))
        more.append(given + max(-total, 0))
    return tuple(sides), tuple(more)


def _gemm(step: OnnxNode) -> Outcome:
    matrix = step.needed(1)
    if step.spec.rank != 1 or step.get("transA", 0):
        raise NotOurs("it is no product of each picture's numbers with a matrix")
    alpha, beta = step.get("alpha", 1.0), step.get("beta", 1.0)
    weight = _scaled(matrix, alpha) if step.get("transB", 0) else _turned(matrix, alpha)
    outputs = (weight.array if isinstance(weight, Known) else weight).shape[0]
    added = step.known(2)
    if added is None:
        return step.add(Dense(outputs, bias=False), weight=weight)
    if added.array.ndim > 1 and added.array.shape[0] > 1:
        raise MixesError("an array of the file stands for several pictures")
    last = added.array.shape[-1] if added.array.ndim else 1
    if added.array.size not in (1, outputs) or last != added.array.size:
        raise NotOurs("what it adds is no bias")
    whole = added.array.size == outputs and added.array.ndim == 1 and beta == 1
    spread = np.broadcast_to(added.array.ravel() * np.float32(beta), (outputs,))
    return step.add(Dense(outputs), weight=weight, bias=added if whole else spread)


def _scaled(matrix: Known, by: float) -> KnownOrArray:
    return matrix if by == 1 else matrix.array * np.float32(by)


def _turned(matrix: Known, by: float = 1.0) -> KnownOrArray:
    turned = matrix.array.T if by == 1 else matrix.array.T * np.float32(by)
    return Known(turned, matrix.weight, matrix.shared)


def _matmul(step: OnnxNode) -> Outcome:
    a, b = (isinstance(each, Known) for each in step.inputs)
    if a:
        return _before(step, step.needed(0))
    if not b:
        return _both(step)
    matrix = step.needed(1)
    if matrix.array.ndim != 2:
        return _both(step)
    axis = None if step.spec.rank == 1 else "last"
    outputs = matrix.array.shape[1]
    return step.add(Dense(outputs, bias=False, axis=axis), weight=_turned(matrix))


def _before(step: OnnxNode, matrix: Known) -> Outcome:
    """A matrix of the file times a value: a layer along the last axis but one."""
    flow = step.flow(1)
    spec = step.drafts.spec(flow)
    if spec.rank < 2:
        raise MixesError("it adds up over pictures")
    if matrix.array.ndim != 2:
        left = _constant(step, matrix.array, spec.rank)
        return step.add(MatMul(), left, flow)
    operator = Dense(matrix.array.shape[0], bias=False, axis=spec.rank - 2)
    return step.add(operator, flow, weight=matrix)


def _both(step: OnnxNode) -> Outcome:
    left = step.x
    rank = step.spec.rank
    if isinstance(step.inputs[1], Known):
        right = _constant(step, step.needed(1).array, rank)
    else:
        right = step.flow(1)
    if rank < 2 or step.drafts.spec(right).rank != rank:
        raise NotOurs("its inputs have different axes")
    return step.add(MatMul(), left, right)


def _constant(step: OnnxNode, array: Array, rank: int) -> str:
    if array.ndim > rank:
        raise NotOurs("its inputs have different axes")
    sizes = (*[1] * (rank - array.ndim), *array.shape)
    return step.add(Constant(sizes), value=array.reshape(sizes))


ROWS: OnnxRows = {
    "Conv": _conv,
    "ConvTranspose": _transposed_conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
