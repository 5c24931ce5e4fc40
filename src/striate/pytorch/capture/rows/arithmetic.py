"""Sums, products and quotients of values, weights, constants and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from striate import ops
from striate.graph import Operator
from striate.ops.normalization.spread_weight import SpreadWeight
from striate.pytorch.capture.layout import TensorShape, Unsuitable
from striate.pytorch.capture.recording import RecordedConstant
from striate.pytorch.capture.steps import Asked, DraftNode, ModuleValue, reshaped


def _number(operand: Any) -> float | None:
    """An operand that is one number and no weight; None where it is none."""
    if isinstance(operand, bool | int | float):
        return float(operand)
    if (
        isinstance(operand, RecordedConstant)
        and operand.tensor.numel() == 1
        and not operand.trainable
    ):
        return float(operand.tensor.item())
    return None


def _is_lone(a: Asked, operand: Any) -> bool:
    """Whether the other operand alone has the shape of the result."""
    return isinstance(operand, ModuleValue) and a.aligned(operand).spec.shape == a.own


def _affine(a: Asked, x: ModuleValue, scale: float, shift: float) -> DraftNode:
    step = a.aligned(x, grown=True)
    return step if (scale, shift) == (1, 0) else a.step(ops.Affine(scale, shift), step)


def _weighted(a: Asked, kind: type[SpreadWeight], x: Any, weight: Any) -> DraftNode | None:
    """SCALE or SHIFT, where one operand is a trained weight that does not spread the other."""
    if isinstance(x, RecordedConstant):
        x, weight = weight, x
    if not isinstance(weight, RecordedConstant) or not weight.trainable or not _is_lone(a, x):
        return None
    return weighted(a, kind, a.aligned(x), weight, a.spread(weight))


def weighted(
    a: Asked, kind: type[SpreadWeight], step: DraftNode, weight: RecordedConstant, size: TensorShape
) -> DraftNode:
    """SCALE or SHIFT by a weight that has `size` beside the value."""
    channels = size[0] == step.spec.shape[0] and not any(n != 1 for n in size[1:])
    operator = kind(None if channels else size)
    return a.step(operator, step, weight=reshaped(weight, size))


def _merged(a: Asked, operator: Operator, x: Any, y: Any) -> DraftNode:
    return a.step(operator, *(a.aligned(_tensor(each)) for each in (x, y)))


def _tensor(operand: Any) -> ModuleValue | RecordedConstant:
    if isinstance(operand, ModuleValue | RecordedConstant):
        return operand
    import torch

    if not isinstance(operand, bool | int | float):
        raise Unsuitable
    return RecordedConstant(torch.tensor(float(operand), dtype=torch.float64))


def _add(a: Asked) -> DraftNode:
    x, y, alpha = a["self"], a["other"], a.get("alpha", 1)
    if isinstance(x, ModuleValue) and (number := _number(y)) is not None:
        return _affine(a, x, 1.0, alpha * number)
    if isinstance(y, ModuleValue) and (number := _number(x)) is not None:
        return _affine(a, y, float(alpha), number)
    if alpha != 1:
        if not isinstance(y, ModuleValue):
            raise Unsuitable
        scaled = a.step(ops.Affine(float(alpha)), y.step)
        y = ModuleValue(scaled, y.shape, y.layout)
    return _weighted(a, ops.Shift, x, y) or _merged(a, ops.Add(), x, y)


def _less(a: Asked, x: Any, y: Any) -> DraftNode:
    if a.get("alpha", 1) != 1:
        raise Unsuitable
    if isinstance(x, ModuleValue) and (number := _number(y)) is not None:
        return _affine(a, x, 1.0, -number)
    if isinstance(y, ModuleValue) and (number := _number(x)) is not None:
        return _affine(a, y, -1.0, number)
    return _merged(a, ops.Subtract(), x, y)


def _times(a: Asked) -> DraftNode:
    x, y = a["self"], a["other"]
    if isinstance(x, ModuleValue) and (number := _number(y)) is not None:
        return _affine(a, x, number, 0.0)
    if isinstance(y, ModuleValue) and (number := _number(x)) is not None:
        return _affine(a, y, number, 0.0)
    return _weighted(a, ops.Scale, x, y) or _merged(a, ops.Multiply(), x, y)


def _over(a: Asked) -> DraftNode:
    x, y = a["self"], a["other"]
    if a.get("rounding_mode") is not None:
        raise Unsuitable
    if isinstance(x, ModuleValue) and (number := _number(y)):
        return _affine(a, x, 1 / number, 0.0)
    return _merged(a, ops.Divide(), x, y)


def _multiply_added(a: Asked) -> DraftNode:
    """addcmul: self + value · tensor1 · tensor2."""
    step = _merged(a, ops.Multiply(), a["tensor1"], a["tensor2"])
    if a.get("value", 1) != 1:
        step = a.step(ops.Affine(float(a["value"])), step)
    return a.step(ops.Add(), a.aligned(a["self"]), step)


ROWS: Mapping[str, Callable[[Asked], DraftNode]] = {
    "add": _add,
    "sub": lambda a: _less(a, a["self"], a["other"]),
    "subtract": lambda a: _less(a, a["self"], a["other"]),
    "rsub": lambda a: _less(a, a["other"], a["self"]),
    "mul": _times,
    "multiply": _times,
    "div": _over,
    "divide": _over,
    "true_divide": _over,
    "neg": lambda a: _affine(a, a.value("self"), -1.0, 0.0),
    "addcmul": _multiply_added,
}
