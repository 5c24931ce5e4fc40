"""Normalizations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from striate import ops
from striate.pytorch.capture.layout import Unsuitable
from striate.pytorch.capture.rows.arithmetic import weighted
from striate.pytorch.capture.rows.convolution import by_channels
from striate.pytorch.capture.rows.pooling import checked
from striate.pytorch.capture.steps import Asked, DraftNode, axis_name, reshaped


def _batch(a: Asked) -> DraftNode:
    own = a.weights(
        weight="weight", bias="bias", running_mean="running_mean", running_var="running_var"
    )
    if "running_mean" not in own:
        raise Unsuitable
    operator = ops.BatchNorm(float(a["eps"]), float(a["momentum"]), "weight" in own)
    if a.value("input").layout.folded:
        return by_channels(a, lambda x: a.step(operator, x, **own))
    return a.step(operator, a.plain("input").step, **own)


def _over_axes(kind: Callable[..., Any], usual: float) -> Callable[[Asked], DraftNode]:
    def row(a: Asked) -> DraftNode:
        x, own = a.value("input"), a.weights(weight="weight", bias="bias")
        count = len(a["normalized_shape"])
        axes = tuple(x.axis(k) for k in range(x.rank - count, x.rank))
        named = tuple(axis_name(x.step.spec, k) for k in axes)
        where = None if len(axes) == len(x.own) else named
        shape = tuple(x.own[k] for k in axes)
        kept = {name: reshaped(each, shape) for name, each in own.items()}
        alone = kind is ops.LayerNorm and set(own) == {"weight"}
        affine = "weight" in own and not alone
        operator = kind(axis=where, affine=affine, epsilon=float(a.get("eps", usual)))
        if alone:
            size = tuple(n if k in axes else 1 for k, n in enumerate(x.own))
            return weighted(a, ops.Scale, a.step(operator, x.step), own["weight"], size)
        return a.step(operator, x.step, **kept)

    return row


def _group(a: Asked) -> DraftNode:
    own = a.weights(weight="weight", bias="bias")
    groups, epsilon, x = a["num_groups"], float(a["eps"]), a.plain("input")
    if set(own) == {"weight"}:
        size = (x.own[0], *[1] * (len(x.own) - 1))
        plain = a.step(ops.GroupNorm(groups, affine=False, epsilon=epsilon), x.step)
        return weighted(a, ops.Scale, plain, own["weight"], size)
    operator = ops.GroupNorm(groups, affine="weight" in own, epsilon=epsilon)
    return a.step(operator, x.step, **own)


def _instance(a: Asked) -> DraftNode:
    own = a.weights(weight="weight", bias="bias")
    if not a["use_input_stats"]:
        raise Unsuitable
    operator = ops.InstanceNorm(affine="weight" in own, epsilon=float(a["eps"]))
    return a.step(operator, a.plain("input").step, **own)


def _dropout(a: Asked) -> DraftNode:
    """While training; what predicts drops nothing, and has no node for it."""
    x = a.value("input" if "input" in a.args else "self").step
    return a.step(ops.Dropout(float(a["p"])), x) if a["p"] else x


_FOUND: Mapping[str, Callable[[Asked], DraftNode]] = {
    "batch_norm": _batch,
    "dropout": _dropout,
    "layer_norm": _over_axes(ops.LayerNorm, 1e-5),
    "rms_norm": _over_axes(ops.RMSNorm, torch.finfo(torch.float32).eps),
    "group_norm": _group,
    "instance_norm": _instance,
}

ROWS: Mapping[str, Callable[[Asked], Any]] = {name: checked(row) for name, row in _FOUND.items()}
