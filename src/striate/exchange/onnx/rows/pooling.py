"""Pools: a window sliding along, or the whole map."""

from __future__ import annotations

from striate import ops
from striate.errors import OnnxError
from striate.exchange.onnx.rows.windows import padding, spatial
from striate.exchange.onnx.step import NotOurs, OnnxNode, OnnxRows, Outcome


def _kernel(step: OnnxNode) -> tuple[int, ...]:
    if "kernel_shape" not in step.item.attributes:
        raise OnnxError(f"{step.item.title} names no window")
    return spatial(step, "kernel_shape")


def _max_pool(step: OnnxNode) -> Outcome:
    return step.add(
        ops.MaxPool(
            _kernel(step),
            spatial(step, "strides"),
            padding(step),
            spatial(step, "dilations"),
            bool(step.get("ceil_mode", 0)),
        )
    )


def _average_pool(step: OnnxNode) -> Outcome:
    return step.add(
        ops.AveragePool(
            _kernel(step),
            spatial(step, "strides"),
            padding(step),
            bool(step.get("ceil_mode", 0)),
            bool(step.get("count_include_pad", 0)),
            dilation=spatial(step, "dilations"),
        )
    )


def _power_pool(step: OnnxNode) -> Outcome:
    settings = _kernel(step), spatial(step, "strides"), padding(step)
    ceil, power = bool(step.get("ceil_mode", 0)), float(step.get("p", 2))
    return step.add(ops.L2Pool(*settings, ceil, power, dilation=spatial(step, "dilations")))


def _global_max(step: OnnxNode) -> Outcome:
    if not step.spec.spatial:
        raise NotOurs("its input has no spatial axes")
    return step.add(ops.AdaptiveMaxPool(1))


ROWS: OnnxRows = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "LpPool": _power_pool,
    "GlobalAveragePool": lambda step: step.add(ops.GlobalAveragePool()),
    "GlobalMaxPool": _global_max,
}
