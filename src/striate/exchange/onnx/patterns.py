"""Operators that exporters write out, recognized in what was made of the pieces.

x · sigmoid(x)                       SILU
x · hardsigmoid(x)                   HARDSWISH
x · tanh(softplus(x))                MISH
x · (1 + erf(x / √2)) / 2            GELU
reshape, INSTANCENORM, reshape       GROUPNORM, with the SCALE and SHIFT behind it
"""

from __future__ import annotations

from math import isclose, sqrt

import numpy as np

from striate import ops
from striate.exchange.onnx.drafts import Drafts
from striate.graph import Operator

_GATES: tuple[tuple[tuple[Operator, ...], Operator], ...] = (
    ((ops.Sigmoid(),), ops.SiLU()),
    ((ops.HardSigmoid(),), ops.HardSwish()),
    ((ops.Tanh(), ops.Softplus()), ops.Mish()),
)
"""What a value is multiplied by, from the last operator to the first, and what the product is."""


def recognized(drafts: Drafts, key: str) -> str:
    """The draft, or one that computes the same as an operator of its own."""
    for pattern in (_gated, _gelu, _group_norm, _group_scale, _group_shift):
        found = pattern(drafts, key)
        if found:
            return found
    return key


def _gated(drafts: Drafts, key: str) -> str:
    if not isinstance(drafts.operator(key), ops.Multiply) or len(drafts.inputs(key)) != 2:
        return ""
    a, b = drafts.inputs(key)
    for gate, whole in _GATES:
        for x, last in ((a, b), (b, a)):
            if _came(drafts, last, gate) == x:
                return drafts.add(drafts[key].item, whole, (x,), {})
    return ""


def _came(drafts: Drafts, key: str, through: tuple[Operator, ...]) -> str:
    """What went through these operators, the last one first; nothing if others did it."""
    for operator in through:
        if not _close(drafts.operator(key), operator):
            return ""
        (key,) = drafts.inputs(key)
    return key


def _close(a: Operator, b: Operator) -> bool:
    """Equal, but for rounded settings."""
    if isinstance(a, ops.HardSigmoid) and isinstance(b, ops.HardSigmoid):
        return isclose(a.slope, b.slope, rel_tol=1e-6) and a.shift == b.shift
    return a == b


def _factors(drafts: Drafts, key: str) -> tuple[float, list[str]]:
    """A value as a number times others."""
    operator = drafts.operator(key)
    if isinstance(operator, ops.Affine) and not operator.shift:
        scale, found = _factors(drafts, drafts.inputs(key)[0])
        return scale * operator.scale, found
    if isinstance(operator, ops.Multiply):
        parts = [_plain(drafts, each) for each in drafts.inputs(key)]
        return float(np.prod([scale for scale, _ in parts])), [each for _, each in parts]
    return 1.0, [key]


def _plain(drafts: Drafts, key: str) -> tuple[float, str]:
    """A value as a number times another."""
    scale, operator = 1.0, drafts.operator(key)
    while isinstance(operator, ops.Affine) and not operator.shift:
        scale, (key,) = scale * operator.scale, drafts.inputs(key)
        operator = drafts.operator(key)
    return scale, key


def _gelu(drafts: Drafts, key: str) -> str:
    if not isinstance(drafts.operator(key), ops.Affine | ops.Multiply):
        return ""
    scale, factors = _factors(drafts, key)
    for x, gate in (factors, factors[::-1]) if len(factors) == 2 else ():
        raised = drafts.operator(gate)
        if not isinstance(raised, ops.Affine) or not isclose(scale * raised.shift, 0.5):
            continue
        by, erf = _plain(drafts, drafts.inputs(gate)[0])
        opaque = drafts.operator(erf)
        if not isinstance(opaque, ops.Opaque) or opaque.name != "onnx.Erf":
            continue
        inner, source = _plain(drafts, drafts.inputs(erf)[0])
        slope = scale * raised.scale * by
        if source == x and isclose(slope, 0.5) and isclose(inner, 1 / sqrt(2), rel_tol=1e-6):
            return drafts.add(drafts[key].item, ops.GELU(), (x,), {})
    return ""


def _group_norm(drafts: Drafts, key: str) -> str:
    """Groups laid flat, normalized, and laid back, without weights that differ."""
    if not isinstance(drafts.operator(key), ops.Reshape):
        return ""
    (norm,) = drafts.inputs(key)
    inner = drafts.operator(norm)
    if not isinstance(inner, ops.InstanceNorm):
        return ""
    (flat,) = drafts.inputs(norm)
    if not isinstance(drafts.operator(flat), ops.Reshape | ops.Flatten):
        return ""
    (x,) = drafts.inputs(flat)
    groups, weights = drafts.spec(norm).channels, drafts[norm].weights
    plain = (weights["weight"] == 1).all() and (weights["bias"] == 0).all()
    if not plain or drafts.spec(x).shape != drafts.spec(key).shape:
        return ""
    if drafts.spec(norm).shape != (groups, drafts.spec(x).size // groups):
        return ""
    operator = ops.GroupNorm(groups=groups, affine=False, epsilon=inner.epsilon)
    return drafts.add(drafts[key].item, operator, (x,), {})


def _group_scale(drafts: Drafts, key: str) -> str:
    """A normalization of groups with the numbers per channel that follow it."""
    if drafts.operator(key) != ops.Scale():
        return ""
    (norm,) = drafts.inputs(key)
    inner, channels = drafts.operator(norm), drafts.spec(key).channels
    if not isinstance(inner, ops.GroupNorm) or inner.affine:
        return ""
    weights = {
        "weight": drafts[key].weights["weight"].reshape(channels),
        "bias": np.zeros(channels, np.float32),
    }
    operator = ops.GroupNorm(groups=inner.groups, epsilon=inner.epsilon)
    return drafts.add(drafts[norm].item, operator, drafts.inputs(norm), weights)


def _group_shift(drafts: Drafts, key: str) -> str:
    if drafts.operator(key) != ops.Shift():
        return ""
    (norm,) = drafts.inputs(key)
    inner = drafts.operator(norm)
    if (
        not isinstance(inner, ops.GroupNorm)
        or not inner.affine
        or drafts[norm].weights["bias"].any()
    ):
        return ""
    bias = drafts[key].weights["weight"].reshape(drafts.spec(key).channels)
    weights = {**drafts[norm].weights, "bias": bias}
    return drafts.add(drafts[norm].item, inner, drafts.inputs(norm), weights)
