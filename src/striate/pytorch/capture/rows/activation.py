"""Activations, and functions of single numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from striate import ops
from striate.errors import SettingError
from striate.graph import Operator
from striate.pytorch.capture.layout import Unsuitable
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.steps import Asked, DraftNode, reshaped

INFINITE = float("inf")


def plain(kind: Callable[[], Operator]) -> Callable[[Asked], DraftNode]:
    """A function without settings."""
    return lambda a: a.step(kind(), a.value("self").step)


def _set(kind: Callable[..., Operator], **names: str) -> Callable[[Asked], DraftNode]:
    """A function whose settings have other names there."""

    def row(a: Asked) -> DraftNode:
        settings = {ours: a[theirs] for ours, theirs in names.items()}
        try:
            return a.step(kind(**settings), a.value("self").step)
        except (SettingError, TypeError):
            raise Unsuitable from None

    return row


def _elu(a: Asked) -> DraftNode:
    if a.get("scale", 1) != 1 or a.get("input_scale", 1) != 1:
        raise Unsuitable
    return a.step(ops.ELU(float(a["alpha"])), a.value("self").step)


def _gelu(a: Asked) -> DraftNode:
    return a.step(ops.GELU(a.get("approximate", "none") == "tanh"), a.value("self").step)


def _clamp(a: Asked) -> DraftNode:
    low, high = (a.get(name) for name in ("min", "max"))
    return _clipped(a, -INFINITE if low is None else low, INFINITE if high is None else high)


def _hardtanh(a: Asked) -> DraftNode:
    return _clipped(a, a["min_val"], a["max_val"])


def _clipped(a: Asked, low: object, high: object) -> DraftNode:
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        raise Unsuitable
    known = {(0.0, INFINITE): ops.ReLU, (0.0, 6.0): ops.ReLU6}
    kind = known.get((float(low), float(high)))
    operator = kind() if kind else ops.Clip(float(low), float(high))
    return a.step(operator, a.value("self").step)


def _prelu(a: Asked) -> DraftNode:
    weight = a["weight"]
    if not isinstance(weight, RecordedConstant):
        raise Unsuitable
    shared = weight.tensor.numel() == 1
    return a.step(
        ops.PReLU(shared), a.plain("self").step, weight=reshaped(weight, (weight.tensor.numel(),))
    )


def _rrelu(a: Asked) -> DraftNode:
    slope = (float(a["lower"]) + float(a["upper"])) / 2
    return a.step(ops.LeakyReLU(slope), a.value("self").step)


def _glu(a: Asked) -> DraftNode:
    x = a.value("self")
    return a.step(ops.GLU(x.named(a["dim"])), x.step)


def _softmax(kind: Callable[..., Operator]) -> Callable[[Asked], DraftNode]:
    def row(a: Asked) -> DraftNode:
        x = a.value("self")
        return a.step(kind(axis=x.named(a["dim"])), x.step)

    return row


def _power(a: Asked) -> DraftNode:
    exponent = a["exponent"]
    if not isinstance(exponent, int | float):
        raise Unsuitable
    return _raised(a, exponent)


def _raised(a: Asked, exponent: float) -> DraftNode:
    known = {2: ops.Square, 0.5: ops.Sqrt}
    kind = known.get(exponent)
    return a.step(kind() if kind else ops.Power(float(exponent)), a.value("self").step)


ROWS: Mapping[str, Callable[[Asked], DraftNode]] = {
    "relu": plain(ops.ReLU),
    "relu6": plain(ops.ReLU6),
    "sigmoid": plain(ops.Sigmoid),
    "tanh": plain(ops.Tanh),
    "silu": plain(ops.SiLU),
    "mish": plain(ops.Mish),
    "hardswish": plain(ops.HardSwish),
    "hardsigmoid": plain(ops.HardSigmoid),
    "log_sigmoid": plain(ops.LogSigmoid),
    "softsign": plain(ops.Softsign),
    "tanhshrink": plain(ops.TanhShrink),
    "selu": plain(ops.SELU),
    "abs": plain(ops.Abs),
    "exp": plain(ops.Exp),
    "log": plain(ops.Log),
    "sin": plain(ops.Sine),
    "cos": plain(ops.Cosine),
    "sign": plain(ops.Sign),
    "sqrt": plain(ops.Sqrt),
    "square": plain(ops.Square),
    "rsqrt": lambda a: _raised(a, -0.5),
    "reciprocal": lambda a: _raised(a, -1.0),
    "pow": _power,
    "leaky_relu": _set(ops.LeakyReLU, slope="negative_slope"),
    "celu": _set(ops.CELU, alpha="alpha"),
    "softplus": _set(ops.Softplus, beta="beta", threshold="threshold"),
    "threshold": _set(ops.Threshold, threshold="threshold", value="value"),
    "hardshrink": _set(ops.HardShrink, threshold="lambd"),
    "softshrink": _set(ops.SoftShrink, threshold="lambd"),
    "elu": _elu,
    "gelu": _gelu,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "hardtanh": _hardtanh,
    "prelu": _prelu,
    "rrelu": _rrelu,
    "glu": _glu,
    "softmax": _softmax(ops.Softmax),
    "log_softmax": _softmax(ops.LogSoftmax),
}
