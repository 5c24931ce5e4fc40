"""How PyTorch's functions of single numbers, of two values and of matrices are built.

Each row takes what PyTorch's function takes, after the graph that it adds nodes to.
"""

from __future__ import annotations

from math import log
from typing import Any

import torch
from common_rows import aligned, entered, matmul, merged, number, permuted, reshaped, scaled
from sample_graph import Cannot, Row, SampleGraph, Value


def single(kind: str, **fixed: Any) -> Row:
    """One of our operators of one input, without settings of PyTorch's."""
    return lambda net, x, inplace=False: net(kind, entered(net, x), **fixed)


def settled(kind: str, *names: str) -> Row:
    """The same, with settings: ours, in PyTorch's order."""

    def row(
        net: SampleGraph, x: Any, *args: float, inplace: bool = False, **kwargs: float
    ) -> Value:
        given = dict(zip(names, args, strict=False)) | {
            ours: kwargs.pop(theirs)
            for ours in names
            for theirs in (ours, PYTORCH.get(ours, ""))
            if theirs in kwargs
        }
        if kwargs:
            raise Cannot(f"{kind} with {', '.join(kwargs)}")
        return net(kind, entered(net, x), **{k: float(v) for k, v in given.items()})

    return row


PYTORCH = {"slope": "negative_slope", "low": "min_val", "high": "max_val", "threshold": "lambd"}


def gelu(net: SampleGraph, x: Any, approximate: str = "none") -> Value:
    return net("GELU", entered(net, x), approximate=approximate == "tanh")


def thresholded(net: SampleGraph, x: Any, threshold: float, value: float) -> Value:
    return net("Threshold", entered(net, x), threshold=float(threshold), value=float(value))


def prelu(net: SampleGraph, x: torch.Tensor, weight: torch.Tensor) -> Value:
    batched = x.ndim > 1
    shared = weight.numel() == 1
    y = net.enter(x, batched=batched)
    return net("PReLU", y, weights={"weight": weight}, shared=shared)


def clamp(net: SampleGraph, x: Any, min: Any = None, max: Any = None) -> Value:
    """CLIP between numbers; between tensors the larger, then the smaller of two."""
    if isinstance(min, torch.Tensor) or isinstance(max, torch.Tensor):
        value = entered(net, x) if min is None else larger(net, x, min)
        return value if max is None else smaller(net, value, max)
    low = -torch.inf if min is None else float(min)
    high = torch.inf if max is None else float(max)
    if low > high:
        raise Cannot("bounds that cross")
    return net("Clip", entered(net, x), low=low, high=high)


def larger(net: SampleGraph, a: Any, b: Any) -> Value:
    """b + relu(a - b)."""
    rest = entered(net, b)
    return merged(net, "Add", rest, net("ReLU", merged(net, "Subtract", a, rest)))


def smaller(net: SampleGraph, a: Any, b: Any) -> Value:
    """b - relu(b - a)."""
    rest = entered(net, b)
    return merged(net, "Subtract", rest, net("ReLU", merged(net, "Subtract", rest, a)))


def power(net: SampleGraph, x: Any, exponent: Any) -> Value:
    """POW; where the exponent is computed too, exp(exponent · log(x))."""
    if number(exponent) and isinstance(x, torch.Tensor):
        return net("Power", entered(net, x), exponent=float(exponent))
    if isinstance(exponent, complex):
        raise Cannot("complex numbers")
    if number(x):
        return net("Exp", scaled(net, entered(net, exponent), log(x)))
    if (x <= 0).any():
        raise Cannot("a number of 0 or less to a power that is computed")
    return net("Exp", merged(net, "Multiply", exponent, net("Log", entered(net, x))))


def two(kind: str, swapped: bool = False) -> Row:
    """ADD, SUB, MUL, DIV; `alpha` multiplies the second."""

    def row(
        net: SampleGraph, a: Any, b: Any, *, alpha: float = 1, rounding_mode: str | None = None
    ) -> Value:
        if rounding_mode:
            raise Cannot("a quotient that is rounded")
        first, second = (b, a) if swapped else (a, b)
        if alpha != 1:
            times = (lambda v: v * alpha) if number(second) else None
            second = times(second) if times else scaled(net, entered(net, second), alpha)
        return merged(net, kind, first, second)

    return row


def addcmul(kind: str) -> Row:
    def row(net: SampleGraph, x: Any, a: Any, b: Any, *, value: float = 1) -> Value:
        return merged(net, "Add", x, scaled(net, merged(net, kind, a, b), value))

    return row


def lerp(net: SampleGraph, a: Any, b: Any, weight: Any) -> Value:
    start = entered(net, a)
    way = merged(net, "Subtract", b, start)
    return merged(net, "Add", start, merged(net, "Multiply", way, weight))


def product(net: SampleGraph, a: Any, b: Any) -> Value:
    return matmul(net, entered(net, a), entered(net, b))


def plus_product(
    net: SampleGraph, x: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1
) -> Value:
    return plus(net, x, product(net, a, b), beta, alpha)


def plus(net: SampleGraph, x: Any, y: Value, beta: float, alpha: float) -> Value:
    y = scaled(net, y, alpha)
    return y if not beta else merged(net, "Add", scaled(net, entered(net, x), beta), y)


def outer(net: SampleGraph, a: Any, b: Any) -> Value:
    left, right = entered(net, a), entered(net, b)
    return net(
        "Multiply", reshaped(net, left, (*left.shape, 1)), reshaped(net, right, (1, *right.shape))
    )


def plus_outer(
    net: SampleGraph, x: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1
) -> Value:
    return plus(net, x, outer(net, a, b), beta, alpha)


def inner(net: SampleGraph, a: Any, b: Any) -> Value:
    right = entered(net, b)
    axes = range(len(right.shape))
    if isinstance(a, torch.Tensor) and (a.ndim == 0 or b.ndim == 0):
        return merged(net, "Multiply", a, right)
    if len(right.shape) > 2 or (isinstance(a, torch.Tensor) and a.ndim > 2):
        raise Cannot("a product over axes that are not the last two")
    return matmul(net, entered(net, a), permuted(net, right, tuple(reversed(axes))))


def linear(net: SampleGraph, x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> Value:
    """Without an axis where there is but one beside the batch's."""
    if weight.ndim == 1:
        raise Cannot("a weight without an axis of outputs")
    batched = x.ndim > 1
    y = net.enter(x, batched=batched)
    return net(
        "Dense",
        y,
        weights={"weight": weight, "bias": bias},
        out_features=len(weight),
        bias=bias is not None,
        axis="last" if len(y.shape) > 1 else None,
    )


def after(kind: str, scale: float = 1.0, shift: float = 0.0, **settings: Any) -> Row:
    """One of our operators, and scale · y + shift behind it."""
    return lambda net, x, inplace=False: scaled(
        net, net(kind, entered(net, x), **settings), scale, shift
    )


def before(kind: str, scale: float, after_it: float = 1.0) -> Row:
    """One of our operators on scale · x, times a number."""

    def row(net: SampleGraph, x: Any) -> Value:
        return scaled(net, net(kind, scaled(net, entered(net, x), scale)), after_it)

    return row


def hypotenuse(net: SampleGraph, a: Any, b: Any) -> Value:
    squares = [net("Square", entered(net, each)) for each in (a, b)]
    return net("Power", net("Add", *aligned(net, *squares)), exponent=0.5)


ARITHMETIC: dict[str, Row] = {
    "abs": single("Abs"),
    "exp": single("Exp"),
    "expm1": after("Exp", shift=-1.0),
    "exp2": before("Exp", log(2)),
    "log": single("Log"),
    "log2": after("Log", 1 / log(2)),
    "log10": after("Log", 1 / log(10)),
    "sin": single("Sine"),
    "cos": single("Cosine"),
    "sqrt": single("Sqrt"),
    "rsqrt": single("Power", exponent=-0.5),
    "reciprocal": single("Power", exponent=-1.0),
    "square": single("Square"),
    "tanh": single("Tanh"),
    "sigmoid": single("Sigmoid"),
    "neg": lambda net, x: scaled(net, net.enter(x), -1.0),
    "positive": lambda net, x: net.enter(x),
    "deg2rad": lambda net, x: scaled(net, net.enter(x), torch.pi / 180),
    "rad2deg": lambda net, x: scaled(net, net.enter(x), 180 / torch.pi),
    "nn.functional.relu": single("ReLU"),
    "nn.functional.relu6": single("ReLU6"),
    "nn.functional.leaky_relu": settled("LeakyReLU", "slope"),
    "nn.functional.prelu": prelu,
    "nn.functional.elu": settled("ELU", "alpha"),
    "nn.functional.celu": settled("CELU", "alpha"),
    "nn.functional.selu": single("SELU"),
    "nn.functional.gelu": gelu,
    "nn.functional.silu": single("SiLU"),
    "nn.functional.mish": single("Mish"),
    "nn.functional.softplus": settled("Softplus", "beta", "threshold"),
    "nn.functional.softsign": single("Softsign"),
    "nn.functional.logsigmoid": single("LogSigmoid"),
    "nn.functional.tanhshrink": single("TanhShrink"),
    "nn.functional.hardsigmoid": single("HardSigmoid"),
    "nn.functional.hardswish": single("HardSwish"),
    "nn.functional.hardtanh": settled("Clip", "low", "high"),
    "nn.functional.hardshrink": settled("HardShrink", "threshold"),
    "nn.functional.softshrink": settled("SoftShrink", "threshold"),
    "nn.functional.threshold": thresholded,
    "sign": single("Sign"),
    "sgn": single("Sign"),
    "clamp": clamp,
    "clamp_min": lambda net, x, min: clamp(net, x, min=min),
    "clamp_max": lambda net, x, max: clamp(net, x, max=max),
    "max/binary": larger,
    "maximum": larger,
    "fmax": larger,
    "min/binary": smaller,
    "minimum": smaller,
    "fmin": smaller,
    "pow": power,
    "float_power": power,
    "__rpow__": lambda net, x, base: power(net, base, x),
    "add": two("Add"),
    "sub": two("Subtract"),
    "mul": two("Multiply"),
    "div/no_rounding_mode": two("Divide"),
    "true_divide": two("Divide"),
    "rsub": two("Subtract", swapped=True),
    "__radd__": two("Add", swapped=True),
    "__rsub__": two("Subtract", swapped=True),
    "__rmul__": two("Multiply", swapped=True),
    "__rdiv__": two("Divide", swapped=True),
    "addcmul": addcmul("Multiply"),
    "addcdiv": addcmul("Divide"),
    "lerp": lerp,
    "hypot": hypotenuse,
    "matmul": product,
    "__rmatmul__": lambda net, a, b: product(net, b, a),
    "mm": product,
    "bmm": product,
    "mv": product,
    "dot": product,
    "vdot": product,
    "inner": inner,
    "outer": outer,
    "addmm": plus_product,
    "addmm/decomposed": plus_product,
    "addmv": plus_product,
    "baddbmm": plus_product,
    "addr": plus_outer,
    "nn.functional.linear": linear,
}
