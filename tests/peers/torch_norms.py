"""How PyTorch's norms, and dropout, are built."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from common_rows import scaled
from sample_graph import Cannot, Row, SampleGraph, Value
from torch_axes import gathered_over


def gained(
    net: SampleGraph, kind: str, y: Value, weight: Any, bias: Any, shape: Any, **more: Any
) -> Value:
    """A norm with a gain and a bias; one that is missing is 1 or 0, or both are left out."""
    affine = weight is not None or bias is not None
    statistics = more.pop("statistics", {})
    own = {
        "weight": np.ones(shape) if affine and weight is None else weight,
        "bias": np.zeros(shape) if affine and bias is None else bias,
    }
    switch = affine if kind == "InstanceNorm" or not affine else None
    return net(kind, y, weights={**own, **statistics}, affine=switch, **more)


def batch_norm(
    net: SampleGraph,
    x: torch.Tensor,
    mean: torch.Tensor | None,
    variance: torch.Tensor | None,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float | None = 0.1,
    eps: float = 1e-5,
) -> Value:
    net.training = training
    y, channels = net.enter(x, batched=True), x.shape[1]
    statistics = {
        "running_mean": np.zeros(channels) if mean is None else mean,
        "running_var": np.ones(channels) if variance is None else variance,
    }
    return gained(net, "BatchNorm", y, weight, bias, channels, epsilon=eps, statistics=statistics)


def group_norm(
    net: SampleGraph,
    x: torch.Tensor,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Value:
    y = net.enter(x, batched=True)
    return gained(net, "GroupNorm", y, weight, bias, x.shape[1], groups=num_groups, epsilon=eps)


def last_axes(net: SampleGraph, y: Value, shape: Sequence[int]) -> tuple[str, ...] | None:
    """The names of the axes that a normalized shape stands for; None for all of `y`."""
    rank, over = len(y.shape), len(shape)
    return None if over == rank else net.axes(y, range(rank - over, rank))


def layer_norm(
    net: SampleGraph,
    x: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Value:
    y = net.enter(x, batched=x.ndim > len(normalized_shape))
    axis = last_axes(net, y, normalized_shape)
    return gained(
        net, "LayerNorm", y, weight, bias, tuple(normalized_shape), axis=axis, epsilon=eps
    )


def rms_norm(
    net: SampleGraph,
    x: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: Any = None,
    eps: float | None = None,
) -> Value:
    y = net.enter(x, batched=x.ndim > len(normalized_shape))
    return net(
        "RMSNorm",
        y,
        weights={"weight": weight},
        axis=last_axes(net, y, normalized_shape),
        epsilon=torch.finfo(torch.float64).eps if eps is None else eps,
        affine=None if weight is not None else False,
    )


def instance_norm(
    net: SampleGraph,
    x: torch.Tensor,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
    *,
    batched: bool = True,
) -> Value:
    if not (use_input_stats or batched):
        raise Cannot("running statistics of a picture without its batch")
    if not use_input_stats:
        return batch_norm(net, x, running_mean, running_var, weight, bias, False, momentum, eps)
    y, channels = net.enter(x, batched=batched), x.shape[1 if batched else 0]
    return gained(net, "InstanceNorm", y, weight, bias, channels, epsilon=eps)


def response_norm(
    net: SampleGraph,
    x: torch.Tensor,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
) -> Value:
    y = net.enter(x, batched=True)
    return net("LocalResponseNorm", y, size=size, alpha=alpha, beta=beta, k=k)


def normalize(
    net: SampleGraph, x: torch.Tensor, p: float = 2, dim: int = 1, eps: float = 1e-12
) -> Value:
    y, axis = net.enter(x), dim % max(x.ndim, 1)
    if p == 2:
        return net("L2Norm", y, axis=axis, epsilon=eps)
    if p == 0:
        raise Cannot("a length that counts the numbers that are not 0")
    if p == torch.inf:
        length = gathered_over(net, "Max", net("Abs", y), (axis,), keep=True)
        return net("Divide", y, net("Clip", length, low=eps, high=torch.inf))
    powers = net("Power", net("Abs", y), exponent=float(p))
    total = gathered_over(net, "Sum", powers, (axis,), keep=True)
    length = net("Power", total, exponent=1 / p)
    return net("Divide", y, net("Clip", length, low=eps, high=torch.inf))


def dropout(
    net: SampleGraph, x: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Value:
    """While training with the mask that PyTorch drew; it shows in what came out."""
    value = net.enter(x)
    if p == 1:
        return scaled(net, value, 0.0) if training else value
    y = net("Dropout", value, rate=float(p))
    net.training = training
    kept = (net.theirs != 0) | (x == 0)
    net.noise[y.node] = kept.double().numpy().reshape(1, *value.shape)
    return y


NORMS: dict[str, Row] = {
    "nn.functional.batch_norm": batch_norm,
    "nn.functional.group_norm": group_norm,
    "nn.functional.layer_norm": layer_norm,
    "nn.functional.rms_norm": rms_norm,
    "nn.functional.instance_norm": instance_norm,
    "nn.functional.local_response_norm": response_norm,
    "nn.functional.normalize": normalize,
    "nn.functional.dropout": dropout,
}
