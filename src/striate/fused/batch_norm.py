"""Batch normalization in training, with ReLU behind it: `csrc/batch_norm.cpp` for PyTorch.

    y = max(0, (x - mean) weight / √(variance + ε) + bias [+ other])

with mean and variance of this batch; another map is added at the end of a residual block.

Source: Ioffe and Szegedy, Batch Normalization, arXiv 1502.03167, algorithm 1.

It costs what reading and writing memory costs. PyTorch passes over the map six to nine times
forward, and eight times back; the kernel three to four times, and five to seven. Without ReLU
behind it the kernel was not faster.
"""

from __future__ import annotations

import ctypes
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from striate.fused import build, guard
from striate.fused.choose import Question, is_faster
from striate.fused.layer import (
    LayerShape,
    is_available,
    plain_gradients,
    pointer,
    rounded_up,
    timing_input,
    workspace,
)


class BatchNormSizes(ctypes.Structure):
    """Mirrors `BatchNormSizes` in csrc/batch_norm.cpp, field by field."""

    _fields_ = [
        ("rows", ctypes.c_int64),
        *((name, ctypes.c_int32) for name in ("channels", "threads")),
        ("epsilon", ctypes.c_float),
    ]


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("batch_norm")
    built.batch_norm_workspace.restype = ctypes.c_int64
    return built


def available() -> bool:
    """Whether the kernels are there, building them on the first question.

    Raises:
        Unavailable: they are not, and `STRIATE_FUSED=require`.
    """
    return is_available(library)


def supports(x: Tensor, weight: Tensor, bias: Tensor, other: Tensor | None = None) -> bool:
    """Whether the kernel can compute this: float32 on the CPU, channels innermost in memory.

    >>> one = torch.ones(3)
    >>> supports(torch.zeros(2, 3, 5, 7).to(memory_format=torch.channels_last), one, one)
    True
    >>> supports(torch.zeros(2, 3, 5, 7), one, one)
    False
    """
    fits = x.ndim in (2, 4) and weight.shape == bias.shape == x.shape[1:2]
    alike = other is None or (other.shape == x.shape and _lies_in_rows(other))
    several = x.numel() > x.shape[1] if fits else False
    return fits and alike and several and _lies_in_rows(x) and guard.allows(x, weight, bias, other)


def _lies_in_rows(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=_layout(x))


def _layout(x: Tensor) -> torch.memory_format:
    return torch.channels_last if x.ndim == 4 else torch.contiguous_format


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    epsilon: float = 1e-5,
    other: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Normalize a batch by its own mean and variance, perhaps add another map, and rectify.

    Args:
        x: what `supports`: (batch, channels, height, width) or (batch, channels).
        weight: (channels,).
        bias: (channels,).
        epsilon: added to the variance.
        other: shaped as x.

    Returns:
        y, shaped as x, and (3, channels) without gradients: the means, 1/√(variance + ε), and the
        unbiased variances.

    >>> x = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> batch_norm(x, torch.ones(2), torch.zeros(2), 0.0001)[0].round(decimals=3)
    tensor([[0., 0.],
            [1., 0.]])
    """
    given = [t for t in (x, weight, bias, other) if t is not None]
    if torch.is_grad_enabled() and any(t.requires_grad for t in given):
        inputs = x, weight, bias, epsilon, other
        y, statistics = BatchNormFunction.apply(*inputs)  # type: ignore[no-untyped-call]
        return y, statistics
    return run_forward(x, weight, bias, epsilon, other)


def _sizes(x: Tensor, epsilon: float) -> Any:
    channels = x.shape[1]
    return ctypes.byref(
        BatchNormSizes(x.numel() // channels, channels, torch.get_num_threads(), epsilon)
    )


def run_forward(
    x: Tensor, weight: Tensor, bias: Tensor, epsilon: float, other: Tensor | None
) -> tuple[Tensor, Tensor]:
    """As `batch_norm`, without gradients."""
    weight, bias = weight.contiguous(), bias.contiguous()
    y, statistics = torch.empty_like(x), x.new_empty(3, x.shape[1])
    sizes, built = _sizes(x, epsilon), library()
    memory = workspace(built.batch_norm_workspace(sizes))
    given = (pointer(t) for t in (x, weight, bias, other, y, statistics, memory))
    built.batch_norm_forward(sizes, *given)
    return y, statistics


def run_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    statistics: Tensor,
    y: Tensor | None,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The gradients of x, weight, bias and, where `y` says that there was one, the other map."""
    gradient = gradient.contiguous(memory_format=_layout(x))
    weight, bias = weight.contiguous(), bias.contiguous()
    dx, dweight, dbias = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
    dother = None if y is None else torch.empty_like(x)
    sizes, built = _sizes(x, epsilon), library()
    memory = workspace(built.batch_norm_workspace(sizes))
    read = (gradient, x, weight, bias, statistics, y)
    given = (pointer(t) for t in (*read, dx, dweight, dbias, dother, memory))
    built.batch_norm_backward(sizes, *given)
    return dx, dweight, dbias, dother


def plainly(
    x: Tensor, weight: Tensor, bias: Tensor, epsilon: float, other: Tensor | None
) -> Tensor:
    """The same by PyTorch's own operators."""
    y = functional.batch_norm(x, None, None, weight, bias, True, 0.0, epsilon)
    return functional.relu(y if other is None else y + other, inplace=True)


class BatchNormFunction(torch.autograd.Function):
    """The kernel with its gradients. Backward keeps x, and y only behind a sum."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float, other: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        y, statistics = run_forward(x, weight, bias, epsilon, other)
        ctx.save_for_backward(x, weight, bias, statistics, None if other is None else y)
        ctx.epsilon = epsilon
        ctx.mark_non_differentiable(statistics)
        ctx.set_materialize_grads(False)
        return y, statistics

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor | None, _statistics: Tensor | None
    ) -> tuple[Tensor | None, ...]:
        if gradient is None:
            return (None,) * 5
        x, weight, bias, statistics, y = ctx.saved_tensors
        if torch.is_grad_enabled() or not guard.allows(gradient, x, weight, bias, y):
            return _plain_gradients(x, weight, bias, ctx.epsilon, y, gradient)
        dx, dweight, dbias, dother = run_backward(
            gradient, x, weight, bias, statistics, y, ctx.epsilon
        )
        return dx, dweight, dbias, None, dother


def _plain_gradients(
    x: Tensor, weight: Tensor, bias: Tensor, epsilon: float, y: Tensor | None, gradient: Tensor
) -> tuple[Tensor | None, ...]:
    """Those of `BatchNormFunction`, by PyTorch's own operators."""

    def normal(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return functional.batch_norm(x, None, None, weight, bias, True, 0.0, epsilon)

    reached = (normal(x, weight, bias) if y is None else y) > 0
    passed = gradient * reached
    own = plain_gradients(normal, (x, weight, bias), passed)
    return *own, None, None if y is None else passed


def shape_of(size: tuple[int, ...], adds: bool) -> LayerShape:
    """The layer as a choice depends on it.

    Args:
        size: of a map, without the batch.
    """
    return LayerShape("batch norm", size, size[:1], activation="relu", adds=adds)


def is_chosen(x: Tensor, adds: bool) -> bool:
    """Whether the kernel beats PyTorch in a training step, for maps of this size."""
    batch, threads = rounded_up(x.shape[0]), torch.get_num_threads()
    layer = shape_of(tuple(x.shape[1:]), adds)
    asked = Question("batch normalization", (layer,), batch, "forward and back", threads)
    size = (batch, *x.shape[1:])
    return is_faster(asked, lambda: _step(size, adds, True), lambda: _step(size, adds, False))


@lru_cache(maxsize=1)
def _case(size: tuple[int, ...]) -> list[Tensor]:
    maps = [timing_input(size) + k for k in range(3)]
    return [*maps, torch.ones(size[1]), torch.zeros(size[1])]


def _step(size: tuple[int, ...], adds: bool, fused: bool) -> None:
    x, other, gradient, weight, bias = _case(size)
    a, b, c, d = (t.detach().requires_grad_() for t in (x, weight, bias, other))
    last = d if adds else None
    with torch.enable_grad():
        y = batch_norm(a, b, c, 1e-5, last)[0] if fused else plainly(a, b, c, 1e-5, last)
        torch.autograd.backward(y, gradient)
