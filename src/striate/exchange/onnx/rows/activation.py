"""Functions of one number, and the normalized exponentials."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from striate import ops
from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.step import MixesError, NotOurs, OnnxNode, OnnxRow, OnnxRows, Outcome
from striate.graph import Operator


def _same(operator: Callable[[], Operator]) -> OnnxRow:
    """An operator without settings."""
    return lambda step: step.add(operator())


def _clip(step: OnnxNode) -> Outcome:
    low, high = step.number("min", 1), step.number("max", 2)
    return bounded(step, step.x, -inf if low is None else low, inf if high is None else high)


_LARGEST = float(np.finfo(np.float32).max)


def bounded(step: OnnxNode, x: str, low: float, high: float) -> str:
    """Numbers held between two bounds, of which one or both may be missing."""
    low, high = (low if low > -_LARGEST else -inf), (high if high < _LARGEST else inf)
    if (low, high) == (-inf, inf):
        return x
    if low == 0 and high in (6, inf):
        return step.add(ops.ReLU6() if high == 6 else ops.ReLU(), x)
    return step.add(ops.Clip(low, high), x)


def _prelu(step: OnnxNode) -> Outcome:
    slope = step.needed(1)
    channels, rank = step.spec.channels, step.spec.rank
    shape = slope.array.shape
    if slope.array.size == 1:
        return step.add(ops.PReLU(), weight=_flat(slope))
    own = shape == (channels,) if step.version < 7 else shape[-rank:] == step.per_channel
    if own and slope.array.size == channels:
        return step.add(ops.PReLU(shared=False), weight=_flat(slope))
    if (len(shape) > rank and shape[0] != 1) or len(shape) > rank + 1:
        raise MixesError("an array of the file stands for several pictures")
    sizes = (*[1] * (rank - len(shape)), *shape[-rank:])
    weight = Known(slope.array.reshape(sizes), slope.weight, slope.shared)
    return step.add(ops.PReLU(size=sizes), weight=weight)


def _flat(given: Known) -> Known:
    return Known(given.array.ravel(), given.weight, given.shared)


def _shrink(step: OnnxNode) -> Outcome:
    bias, threshold = step.get("bias", 0.0), step.get("lambd", 0.5)
    if bias not in (0, threshold):
        raise NotOurs("it shrinks by another number than its threshold")
    return step.add(ops.SoftShrink(threshold) if bias else ops.HardShrink(threshold))


def _pow(step: OnnxNode) -> Outcome:
    exponent = step.needed(1).array
    if exponent.size != 1:
        raise NotOurs("its exponents differ")
    return powered(step, step.x, float(exponent.ravel()[0]))


def powered(step: OnnxNode, x: str, exponent: float) -> str:
    """A power; the usual ones have names."""
    usual: dict[float, Operator] = {2.0: ops.Square(), 0.5: ops.Sqrt()}
    return x if exponent == 1 else step.add(usual.get(exponent) or ops.Power(exponent), x)


def _swish(step: OnnxNode) -> Outcome:
    if step.get("alpha", 1.0) != 1:
        raise NotOurs("its alpha is not 1")
    return step.add(ops.SiLU())


def _exponential(whole: type[ops.Softmax] | type[ops.LogSoftmax]) -> OnnxRow:
    def row(step: OnnxNode) -> Outcome:
        new = step.version >= 13
        axis = step.axis(step.get("axis", -1 if new else 1))
        sizes = step.spec.shape
        if new or all(n == 1 for n in sizes[axis + 1 :]):
            return step.add(whole(axis=step.called(axis)))
        # Older versions normalize over that axis and all behind it.
        flat = step.add(ops.Reshape((*sizes[:axis], int(np.prod(sizes[axis:])))))
        return step.add(ops.Reshape(sizes), step.add(whole(axis=step.called(axis, flat)), flat))

    return row


def _setting(name: str, usual: float, make: Callable[[float], Operator]) -> OnnxRow:
    """An operator with one setting."""
    return lambda step: step.add(make(step.get(name, usual)))


ROWS: OnnxRows = {
    "Relu": _same(ops.ReLU),
    "Sigmoid": _same(ops.Sigmoid),
    "Tanh": _same(ops.Tanh),
    "Softsign": _same(ops.Softsign),
    "Softplus": _same(ops.Softplus),
    "Exp": _same(ops.Exp),
    "Log": _same(ops.Log),
    "Sqrt": _same(ops.Sqrt),
    "Abs": _same(ops.Abs),
    "Sign": _same(ops.Sign),
    "Sin": _same(ops.Sine),
    "Cos": _same(ops.Cosine),
    "Mish": _same(ops.Mish),
    "HardSwish": _same(ops.HardSwish),
    "Neg": lambda step: step.add(ops.Affine(-1.0)),
    "Reciprocal": lambda step: step.add(ops.Power(-1.0)),
    "LeakyRelu": _setting("alpha", 0.01, ops.LeakyReLU),
    "Elu": _setting("alpha", 1.0, ops.ELU),
    "Celu": _setting("alpha", 1.0, ops.CELU),
    "ThresholdedRelu": _setting("alpha", 1.0, ops.Threshold),
    "Selu": lambda step: step.add(
        ops.SELU(step.get("alpha", 1.6732632), step.get("gamma", 1.0507010))
    ),
    "HardSigmoid": lambda step: step.add(
        ops.HardSigmoid(step.get("alpha", 0.2), step.get("beta", 0.5))
    ),
    "Gelu": lambda step: step.add(ops.GELU(step.get("approximate", "none") == "tanh")),
    "Swish": _swish,
    "Shrink": _shrink,
    "Clip": _clip,
    "PRelu": _prelu,
    "Pow": _pow,
    "Softmax": _exponential(ops.Softmax),
    "LogSoftmax": _exponential(ops.LogSoftmax),
}
