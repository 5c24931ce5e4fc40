"""How ONNX's functions of single numbers, of several values, and over axes are built.

A table for the tests alone, not the importer's. Each row takes the graph that it adds nodes to, the
node's attributes, and its inputs as arrays (None where one is left out); shapes, axes and bounds
that ONNX passes as inputs are read from the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from common_rows import aligned, matmul, merged, permuted, scaled
from sample_graph import Array, Cannot, Row, SampleGraph, Value
from torch_axes import gathered_over

Attributes = Mapping[str, Any]


def single(kind: str, **names: str) -> Row:
    """One of our operators of one input; `names` gives ONNX's attributes for our settings."""

    def row(net: SampleGraph, given: Attributes, x: Array) -> Value:
        settings = {ours: given[theirs] for ours, theirs in names.items() if theirs in given}
        return net(kind, net.enter(x), **settings)

    return row


def usual(kind: str, **defaults: float) -> Row:
    """The same where ONNX and we have other defaults; the names are ONNX's and ours alike."""

    def row(net: SampleGraph, given: Attributes, x: Array) -> Value:
        return net(kind, net.enter(x), **{k: given.get(k, v) for k, v in defaults.items()})

    return row


def selu(net: SampleGraph, given: Attributes, x: Array) -> Value:
    return net("SELU", net.enter(x), alpha=given.get("alpha"), gamma=given.get("gamma"))


def hard_sigmoid(net: SampleGraph, given: Attributes, x: Array) -> Value:
    slope, shift = given.get("alpha", 0.2), given.get("beta", 0.5)
    return net("HardSigmoid", net.enter(x), slope=slope, shift=shift)


def swish(net: SampleGraph, given: Attributes, x: Array) -> Value:
    y = net.enter(x)
    return net("Multiply", y, net("Sigmoid", scaled(net, y, given.get("alpha", 1.0))))


def thresholded(net: SampleGraph, given: Attributes, x: Array) -> Value:
    return net("Threshold", net.enter(x), threshold=given.get("alpha", 1.0), value=0.0)


def shrink(net: SampleGraph, given: Attributes, x: Array) -> Value:
    lambd, bias = given.get("lambd", 0.5), given.get("bias", 0.0)
    if bias == 0:
        return net("HardShrink", net.enter(x), threshold=lambd)
    if bias == lambd:
        return net("SoftShrink", net.enter(x), threshold=lambd)
    raise Cannot("a shrink between the hard and the soft one")


def gelu(net: SampleGraph, given: Attributes, x: Array) -> Value:
    return net("GELU", net.enter(x), approximate=given.get("approximate") == "tanh")


def prelu(net: SampleGraph, given: Attributes, x: Array, slope: Array) -> Value:
    """With slopes of any shape that is broadcast."""
    size = (1,) * (x.ndim - slope.ndim) + slope.shape
    return net("PReLU", net.enter(x), weights={"weight": slope.reshape(size)}, size=size)


def clip(net: SampleGraph, given: Attributes, x: Array, low: Any = None, high: Any = None) -> Value:
    low = given.get("min", -np.inf) if low is None else float(low)
    high = given.get("max", np.inf) if high is None else float(high)
    if low > high:
        raise Cannot("bounds that cross")
    return net("Clip", net.enter(x), low=low, high=high)


def two(kind: str) -> Row:
    def row(net: SampleGraph, given: Attributes, a: Array, b: Array) -> Value:
        if kind == "Divide" and a.dtype.kind != "f":
            raise Cannot("a quotient that is rounded")
        if a.dtype.kind != "f" and kind != "Divide" and a.dtype.itemsize == 1:
            return wrapped(net, kind, a, b)
        return merged(net, kind, a, b)

    return row


def wrapped(net: SampleGraph, kind: str, a: Array, b: Array) -> Value:
    """Small whole numbers, as long as nothing overflows."""
    exact = {"Add": np.add, "Subtract": np.subtract, "Multiply": np.multiply}[kind]
    whole, info = exact(a.astype(np.int64), b.astype(np.int64)), np.iinfo(a.dtype)
    if whole.min() < info.min or whole.max() > info.max:
        raise Cannot("whole numbers that overflow")
    return merged(net, kind, a, b)


def several(kind: str) -> Row:
    def row(net: SampleGraph, given: Attributes, *inputs: Array) -> Value:
        values = aligned(net, *(net.enter(x) for x in inputs))
        total = net(kind, *values) if len(values) > 1 else values[0]
        return total

    return row


def mean_of(net: SampleGraph, given: Attributes, *inputs: Array) -> Value:
    return scaled(net, several("Add")(net, given, *inputs), 1 / len(inputs))


def extreme(sign: float) -> Row:
    """The larger of two is b + relu(a - b); the smaller with signs turned."""

    def row(net: SampleGraph, given: Attributes, *inputs: Array) -> Value:
        values = aligned(net, *(scaled(net, net.enter(x), sign) for x in inputs))
        best = values[0]
        for value in values[1:]:
            best = net("Add", value, net("ReLU", net("Subtract", best, value)))
        return scaled(net, best, sign)

    return row


def power(net: SampleGraph, given: Attributes, x: Array, exponent: Array) -> Value:
    if exponent.size == 1:
        return net("Power", net.enter(x), exponent=float(exponent.reshape(())))
    if (x <= 0).any():
        raise Cannot("a number of 0 or less to a power that is computed")
    logs = net("Log", net.enter(x))
    return net("Exp", net("Multiply", *aligned(net, logs, net.enter(exponent))))


def multiply(net: SampleGraph, given: Attributes, a: Array, b: Array) -> Value:
    return matmul(net, net.enter(a), net.enter(b))


def gemm(net: SampleGraph, given: Attributes, a: Array, b: Array, c: Array | None = None) -> Value:
    left, right = net.enter(a), net.enter(b)
    left = permuted(net, left, (1, 0)) if given.get("transA") else left
    right = permuted(net, right, (1, 0)) if given.get("transB") else right
    y = scaled(net, net("MatMul", left, right), given.get("alpha", 1.0))
    if c is None:
        return y
    return net("Add", *aligned(net, y, scaled(net, net.enter(c), given.get("beta", 1.0))))


def axes_given(given: Attributes, axes: Array | None, rank: int) -> tuple[int, ...]:
    found = given.get("axes", None if axes is None else axes.tolist())
    return tuple(k % rank for k in found) if found is not None else ()


def gathered(kind: str, before: str = "", after: str = "") -> Row:
    """REDUCE…: one of our operators over axes, with a function before it or behind it."""

    def row(net: SampleGraph, given: Attributes, x: Array, axes: Array | None = None) -> Value:
        over = axes_given(given, axes, max(x.ndim, 1))
        value = net.enter(x)
        if not over and given.get("noop_with_empty_axes"):
            total = net(before, value) if before else value
            return net(after, total) if after else total
        keep = bool(given.get("keepdims", 1))
        value = net(before, value) if before else value
        total = gathered_over(net, kind, value, over, keep)
        return net(after, total) if after else total

    return row


def root_of_squares(net: SampleGraph, given: Attributes, x: Array, axes: Any = None) -> Value:
    total = gathered("Sum", "Square")(net, given, x, axes)
    return net("Power", total, exponent=0.5)


def softmax(kind: str) -> Row:
    def row(net: SampleGraph, given: Attributes, x: Array) -> Value:
        return net(kind, net.enter(x), axis=given.get("axis", -1) % x.ndim)

    return row


ARITHMETIC: dict[str, Row] = {
    "Abs": single("Abs"),
    "Neg": lambda net, given, x: scaled(net, net.enter(x), -1.0),
    "Exp": single("Exp"),
    "Log": single("Log"),
    "Sqrt": single("Sqrt"),
    "Reciprocal": lambda net, given, x: net("Power", net.enter(x), exponent=-1.0),
    "Sin": single("Sine"),
    "Cos": single("Cosine"),
    "Tanh": single("Tanh"),
    "Sigmoid": single("Sigmoid"),
    "Relu": single("ReLU"),
    "LeakyRelu": single("LeakyReLU", slope="alpha"),
    "PRelu": prelu,
    "Elu": usual("ELU", alpha=1.0),
    "Celu": usual("CELU", alpha=1.0),
    "Selu": selu,
    "Gelu": gelu,
    "Mish": single("Mish"),
    "Softplus": lambda net, given, x: net("Softplus", net.enter(x), threshold=700.0),
    "Softsign": single("Softsign"),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": single("HardSwish"),
    "Swish": swish,
    "Shrink": shrink,
    "ThresholdedRelu": thresholded,
    "Sign": single("Sign"),
    "Clip": clip,
    "Pow": power,
    "Add": two("Add"),
    "Sub": two("Subtract"),
    "Mul": two("Multiply"),
    "Div": two("Divide"),
    "Sum": several("Add"),
    "Mean": mean_of,
    "Max": extreme(1.0),
    "Min": extreme(-1.0),
    "MatMul": multiply,
    "Gemm": gemm,
    "ReduceMean": gathered("Mean"),
    "ReduceSum": gathered("Sum"),
    "ReduceMax": gathered("Max"),
    "ReduceMin": gathered("Min"),
    "ReduceL1": gathered("Sum", before="Abs"),
    "ReduceL2": root_of_squares,
    "ReduceSumSquare": gathered("Sum", before="Square"),
    "ReduceLogSum": gathered("Sum", after="Log"),
    "ReduceLogSumExp": gathered("Sum", before="Exp", after="Log"),
    "Softmax": softmax("Softmax"),
    "LogSoftmax": softmax("LogSoftmax"),
}
