"""Numbers one by one, and branches merged: operators as ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi, sqrt

import numpy as np

from striate import ops
from striate.exchange.onnx_out.place import NodeWriter, WriterRow
from striate.graph import Operator
from striate.ops.output.bitmaps import codes


def plain(kind: str) -> WriterRow:
    """An operator that ONNX has, without settings."""
    return lambda operator, at: at.put(kind, *at.values)


def with_settings(kind: str, **names: str) -> WriterRow:
    """An operator that ONNX has; its attributes, each by the name of our setting."""
    return lambda operator, at: at.put(
        kind, at.x, **{theirs: float(getattr(operator, ours)) for theirs, ours in names.items()}
    )


def along_axis(kind: str) -> WriterRow:
    """An operator along an axis."""
    return lambda operator, at: at.put(kind, at.x, axis=at.spec.axis(operator.axis) + 1)


def folded(kind: str) -> WriterRow:
    """An operator that merges two values, for two or more."""

    def row(operator: Operator, at: NodeWriter) -> str:
        value, *more = at.values
        for each in more:
            value = at.put(kind, value, each)
        return value

    return row


def _clip(at: NodeWriter, low: float, high: float) -> str:
    return at.put("Clip", at.x, at.number(low), at.number(high))


def _gelu(gelu: ops.GELU, at: NodeWriter) -> str:
    if gelu.approximate:
        cube = at.put("Mul", at.put("Mul", at.x, at.x), at.x)
        inner = at.put("Add", at.x, at.put("Mul", cube, at.number(0.044715)))
        gate = at.put("Tanh", at.put("Mul", inner, at.number(sqrt(2 / pi))))
    else:
        gate = at.put("Erf", at.put("Div", at.x, at.number(sqrt(2))))
    raised = at.put("Mul", at.x, at.put("Add", gate, at.number(1)))
    return at.put("Mul", raised, at.number(0.5))


def _prelu(prelu: ops.PReLU, at: NodeWriter) -> str:
    if prelu.size is None:
        count = at.weights["weight"].size
        slope = at.shaped("weight", count, *[1] * (at.spec.rank - 1))
    else:
        slope = at.weight("weight")
    return at.put("PRelu", at.x, slope)


def _glu(glu: ops.GLU, at: NodeWriter) -> str:
    values, gates = at.halves(at.x, at.spec.axis(glu.axis) + 1)
    return at.put("Mul", values, at.put("Sigmoid", gates))


def _softplus(softplus: ops.Softplus, at: NodeWriter) -> str:
    scaled = at.x if softplus.beta == 1 else at.put("Mul", at.x, at.number(softplus.beta))
    soft = at.put("Softplus", scaled)
    if softplus.beta != 1:
        soft = at.put("Div", soft, at.number(softplus.beta))
    if softplus.threshold >= LINEAR:
        return soft
    return at.put("Where", at.put("Greater", scaled, at.number(softplus.threshold)), at.x, soft)


LINEAR = 17.0
"""From here on log(1 + eˣ) is x, in float32."""


def _masked_softmax(softmax: ops.MaskedSoftmax, at: NodeWriter) -> str:
    axis = at.spec.axis(softmax.axis)
    keys = at.spec.shape[axis]
    behind = [1] * (at.spec.rank - axis - 1)
    hidden = ""
    if softmax.causal:
        later = np.triu(np.ones((at.spec.shape[axis - 1], keys), dtype=bool), 1)
        hidden = at.constant(later.reshape(*later.shape, *behind))
    if len(at.values) > 1:
        spread = at.put("Reshape", at.values[1], at.whole(-1, *softmax.spread(*at.specs)))
        places = np.arange(keys, dtype=np.float32).reshape(keys, *behind)
        pair = (at.constant(places), spread) if softmax.lengths else (at.number(0), spread)
        more = at.put("GreaterOrEqual", *pair)
        hidden = at.put("Or", hidden, more) if hidden else more
    if not hidden:
        return at.put("Softmax", at.x, axis=axis + 1)
    lowest = at.number(float(np.finfo(np.float32).min))
    shares = at.put("Softmax", at.put("Where", hidden, lowest, at.x), axis=axis + 1)
    return at.put("Where", hidden, at.number(0), shares)


def _maxout(maxout: ops.Maxout, at: NodeWriter) -> str:
    pieces = (0, at.spec.channels // maxout.pieces, maxout.pieces, *at.spec.spatial)
    apart = at.put("Reshape", at.x, at.whole(*pieces))
    return at.put("ReduceMax", apart, axes=[2], keepdims=0)


def _scaled_tanh(tanh: ops.ScaledTanh, at: NodeWriter) -> str:
    squashed = at.put("Tanh", at.put("Mul", at.x, at.number(tanh.slope)))
    return at.put("Mul", squashed, at.number(tanh.amplitude))


def _affine(affine: ops.Affine, at: NodeWriter) -> str:
    scaled = at.put("Mul", at.x, at.number(affine.scale))
    return at.put("Add", scaled, at.number(affine.shift))


def _rbf(rbf: ops.RBF, at: NodeWriter) -> str:
    wide = at.put("Unsqueeze", at.x, at.whole(1))
    apart = at.put("Sub", wide, at.constant(np.asarray(codes()[: rbf.units], dtype=np.float32)))
    return at.put("ReduceSum", at.put("Mul", apart, apart), at.whole(2), keepdims=0)


def _stack(stack: ops.Stack, at: NodeWriter) -> str:
    wide = [at.put("Unsqueeze", each, at.whole(1)) for each in at.values]
    return at.put("Concat", *wide, axis=1)


ROWS: Mapping[type[Operator], WriterRow] = {
    ops.Affine: _affine,
    ops.ReLU: plain("Relu"),
    ops.NoisyReLU: plain("Relu"),
    ops.ReLU6: lambda op, at: _clip(at, 0, 6),
    ops.LeakyReLU: with_settings("LeakyRelu", alpha="slope"),
    ops.PReLU: _prelu,
    ops.ELU: with_settings("Elu", alpha="alpha"),
    ops.GELU: _gelu,
    ops.SiLU: lambda op, at: at.put("Mul", at.x, at.put("Sigmoid", at.x)),
    ops.HardSigmoid: with_settings("HardSigmoid", alpha="slope", beta="shift"),
    ops.HardSwish: plain("HardSwish"),
    ops.SELU: with_settings("Selu", alpha="alpha", gamma="gamma"),
    ops.GLU: _glu,
    ops.CELU: with_settings("Celu", alpha="alpha"),
    ops.Mish: lambda op, at: at.put("Mul", at.x, at.put("Tanh", at.put("Softplus", at.x))),
    ops.Softsign: plain("Softsign"),
    ops.Clip: lambda op, at: _clip(at, op.low, op.high),
    ops.Threshold: lambda op, at: at.put(
        "Where", at.put("Greater", at.x, at.number(op.threshold)), at.x, at.number(op.value)
    ),
    ops.SoftShrink: with_settings("Shrink", lambd="threshold", bias="threshold"),
    ops.HardShrink: with_settings("Shrink", lambd="threshold"),
    ops.TanhShrink: lambda op, at: at.put("Sub", at.x, at.put("Tanh", at.x)),
    ops.Abs: plain("Abs"),
    ops.Sign: plain("Sign"),
    ops.Square: lambda op, at: at.put("Mul", at.x, at.x),
    ops.Power: lambda op, at: at.put("Pow", at.x, at.number(op.exponent)),
    ops.Exp: plain("Exp"),
    ops.Log: plain("Log"),
    ops.Sqrt: plain("Sqrt"),
    ops.Softplus: _softplus,
    ops.Maxout: _maxout,
    ops.Sigmoid: plain("Sigmoid"),
    ops.LogSigmoid: lambda op, at: at.put("Neg", at.put("Softplus", at.put("Neg", at.x))),
    ops.Tanh: plain("Tanh"),
    ops.ScaledTanh: _scaled_tanh,
    ops.Sine: plain("Sin"),
    ops.Cosine: plain("Cos"),
    ops.Softmax: along_axis("Softmax"),
    ops.MaskedSoftmax: _masked_softmax,
    ops.LogSoftmax: along_axis("LogSoftmax"),
    ops.RBF: _rbf,
    ops.Add: folded("Add"),
    ops.Multiply: folded("Mul"),
    ops.Subtract: plain("Sub"),
    ops.Divide: plain("Div"),
    ops.MatMul: plain("MatMul"),
    ops.Concat: lambda op, at: at.put("Concat", *at.values, axis=at.spec.axis(op.axis) + 1),
    ops.Stack: _stack,
    ops.Scale: lambda op, at: at.put("Mul", at.x, at.weight("weight")),
    ops.Shift: lambda op, at: at.put("Add", at.x, at.weight("weight")),
}
