"""Normalizations. What was noted while training is in the file, and is used."""

from __future__ import annotations

import numpy as np

from striate import ops
from striate.exchange.onnx.constants import Known
from striate.exchange.onnx.step import KnownOrArray, NotOurs, OnnxNode, OnnxRows, Outcome
from striate.ops.arrays import Array


def _batch_norm(step: OnnxNode) -> Outcome:
    if step.get("spatial", 1) == 0:
        raise NotOurs("it normalizes each place of a map by itself")
    if step.get("training_mode", 0):
        step.note("written as it trains; read as it predicts, with the statistics of the file")
    names = ("weight", "bias", "running_mean", "running_var")
    weights: dict[str, KnownOrArray] = {n: step.needed(k + 1) for k, n in enumerate(names)}
    momentum = round(1 - step.get("momentum", 0.9), 6)
    operator = ops.BatchNorm(step.get("epsilon", 1e-5), min(max(momentum, 0.0), 1.0))
    return step.add(operator, **weights)


def _instance_norm(step: OnnxNode) -> Outcome:
    operator = ops.InstanceNorm(affine=True, epsilon=step.get("epsilon", 1e-5))
    return step.add(operator, weight=step.needed(1), bias=step.needed(2))


def _layer_norm(step: OnnxNode) -> Outcome:
    first = step.axis(step.get("axis", -1))
    shape = step.spec.shape
    axes = tuple(range(first, len(shape)))
    weight, bias = step.needed(1), step.known(2)
    if bias is None:
        step.note("it has no bias; one of zeros is added")
    over = None if first == 0 else " ".join(map(str, axes))
    operator = ops.LayerNorm(axis=over, epsilon=step.get("epsilon", 1e-5))
    zeros = np.zeros(shape[first:], np.float32)
    return step.add(
        operator,
        weight=_fitting(weight, shape[first:]),
        bias=zeros if bias is None else _fitting(bias, shape[first:]),
    )


def _fitting(given: Known, shape: tuple[int, ...]) -> KnownOrArray:
    return given if given.array.shape == shape else np.broadcast_to(given.array, shape)


def _group_norm(step: OnnxNode) -> Outcome:
    groups = step.get("num_groups", 1)
    operator = ops.GroupNorm(groups=groups, epsilon=step.get("epsilon", 1e-5))
    weight, bias = (_per_channel(step.needed(k), step.spec.channels) for k in (1, 2))
    return step.add(operator, weight=weight, bias=bias)


def _per_channel(given: Known, channels: int) -> KnownOrArray:
    """Version 18 has one number for each group."""
    if given.array.size in (0, channels):
        return given
    repeated: Array = np.repeat(given.array, channels // given.array.size)
    return repeated


def _local_response_norm(step: OnnxNode) -> Outcome:
    size = step.get("size", 0)
    settings = (step.get("alpha", 1e-4), step.get("beta", 0.75), step.get("bias", 1.0))
    operator = ops.LocalResponseNorm(size, *settings)
    if size % 2:
        return step.add(operator)
    # An even neighborhood reaches further up there and further down here.
    turned = step.add(operator, step.add(ops.Flip(step.called(0))))
    return step.add(ops.Flip(step.called(0, turned)), turned)


ROWS: OnnxRows = {
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "GroupNormalization": _group_norm,
    "LRN": _local_response_norm,
}
