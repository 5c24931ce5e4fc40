"""What several tables build alike: numbers per axis, broadcasting, axes counted from the end."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from sample_graph import Cannot, Given, Nothing, SampleGraph, Value


def axes_of(value: Any, rank: int) -> tuple[Any, ...]:
    """One entry for each of `rank` axes."""
    if isinstance(value, int | float | str):
        return (value,) * rank
    return tuple(value) * rank if len(value) == 1 else tuple(value)


def positive(axis: int, rank: int) -> int:
    """The axis counted from the front."""
    return axis % max(rank, 1)


def reshaped(net: SampleGraph, x: Value, shape: Sequence[int]) -> Value:
    """`x` in another shape, by a node only where it has to change."""
    size = tuple(shape) or (1,)
    if -1 in size:
        known = -prod(size)
        size = tuple(prod(x.shape) // known if n == -1 else n for n in size)
    return x if size == x.shape else net("Reshape", x, size=size)


def aligned(net: SampleGraph, *values: Value) -> list[Value]:
    """The values with axes of length 1 in front, so that all have as many."""
    rank = max(len(value.shape) for value in values)
    return [reshaped(net, v, (1,) * (rank - len(v.shape)) + v.shape) for v in values]


def merged(net: SampleGraph, kind: str, a: Any, b: Any) -> Value:
    """Two tensors, values or numbers merged by ADD, SUB, MUL or DIV."""
    if isinstance(a, bool) or isinstance(b, bool):
        raise Cannot("a truth value as a number")
    if number(a):
        return with_number_first(net, kind, float(a), entered(net, b))
    if number(b):
        plain = {
            "Add": (1.0, float(b)),
            "Subtract": (1.0, -float(b)),
            "Multiply": (float(b), 0.0),
            "Divide": (1 / float(b) if b else float("inf"), 0.0),
        }
        scale, shift = plain[kind]
        return net("Affine", entered(net, a), scale=scale, shift=shift)
    return net(kind, *aligned(net, entered(net, a), entered(net, b)))


def with_number_first(net: SampleGraph, kind: str, a: float, b: Value) -> Value:
    """A number and a value, merged."""
    if kind == "Divide":
        return net("Affine", net("Power", b, exponent=-1.0), scale=a)
    scale, shift = {"Add": (1.0, a), "Subtract": (-1.0, a), "Multiply": (a, 0.0)}[kind]
    return net("Affine", b, scale=scale, shift=shift)


def number(given: Any) -> bool:
    return isinstance(given, int | float)


def entered(net: SampleGraph, given: Value | Given) -> Value:
    """The value itself, or a tensor that comes in."""
    if isinstance(given, complex):
        raise Cannot("complex numbers")
    return given if isinstance(given, Value) else net.enter(given)


def scaled(net: SampleGraph, x: Value, scale: float = 1.0, shift: float = 0.0) -> Value:
    """scale · x + shift, by a node only where that changes anything."""
    if isinstance(scale, complex) or isinstance(shift, complex):
        raise Cannot("complex numbers")
    if (scale, shift) == (1, 0):
        return x
    return net("Affine", x, scale=float(scale), shift=float(shift))


def permuted(net: SampleGraph, x: Value, order: Sequence[int]) -> Value:
    """`x` with its axes in another order."""
    order = tuple(k % len(x.shape) for k in order)
    return x if order == tuple(range(len(x.shape))) else net("Permute", x, order=order)


def matmul(net: SampleGraph, a: Value, b: Value) -> Value:
    """What `torch.matmul` and NumPy's `@` mean, vectors included."""
    rows = len(a.shape) == 1
    columns = len(b.shape) == 1
    left = reshaped(net, a, (1, *a.shape)) if rows else a
    right = reshaped(net, b, (*b.shape, 1)) if columns else b
    product = net("MatMul", *aligned(net, left, right))
    shape = list(product.shape)
    if columns:
        shape.pop(-1)
    if rows:
        shape.pop(-1 if columns else -2)
    return reshaped(net, product, shape)


def cut(net: SampleGraph, x: Value, lengths: Sequence[int], axis: int) -> list[Value]:
    """`x` in parts of these lengths."""
    parts, start = [], 0
    for length in lengths:
        if not length:
            raise Nothing("an array without a number in it")
        parts.append(net("Slice", x, start=start, stop=start + length, axis=axis))
        start += length
    return parts
