"""Convolution, activation and 2x2 average pool as one operator: `csrc/conv_avg.cpp` for PyTorch.

`striate::conv_avg_pool` also returns what the activation gave before the pool, which backward
reads: one flat tensor in the kernels' own order, its batch rounded up to whole vectors; empty for
"identity", whose derivative needs nothing.
"""

from __future__ import annotations

import ctypes
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor

from striate.fused import build
from striate.fused.layer import (
    in_layout,
    lies_last,
    new_map,
    plain_gradients,
    pointer,
    pooled_size,
    shape_numbers,
    shape_of,
    workspace,
)


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("conv_avg")
    built.avg_forward_workspace.restype = ctypes.c_int64
    built.avg_backward_workspace.restype = ctypes.c_int64
    return built


@lru_cache(maxsize=256)
def _forward_call(numbers: tuple[int, ...]) -> tuple[Any, int]:
    shape = shape_of(numbers)
    return shape, library().avg_forward_workspace(shape)


@lru_cache(maxsize=256)
def _backward_call(numbers: tuple[int, ...], wants_dx: bool) -> tuple[Any, int]:
    shape = shape_of(numbers)
    return shape, library().avg_backward_workspace(shape, int(wants_dx))


def kept_size(size: tuple[int, int, int, int], activation: int, keep: bool) -> int:
    """How many floats backward reads, for a pooled size.

    >>> kept_size((3, 2, 5, 7), 0, True)
    0
    """
    if not (keep and activation):
        return 0
    batch, outputs, height, width = size
    lanes = library().avg_lanes()
    return int(-(-batch // lanes) * lanes * outputs * 4 * height * width)


def run_forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """The pooled map, and the activations before the pool (none unless `keep`)."""
    x_last = lies_last(x)
    x, weight = in_layout(x, x_last), weight.contiguous()
    size = pooled_size(x, weight, padding)
    y, kept = new_map(x, size, last), x.new_empty(kept_size(size, activation, keep))
    shape, floats = _forward_call(shape_numbers(x, weight, padding, activation, x_last, last))
    memory = workspace(floats)
    library().avg_forward_run(
        shape,
        pointer(x),
        pointer(weight),
        pointer(bias),
        pointer(y),
        pointer(kept if kept.numel() else None),
        pointer(memory),
    )
    return y, kept


def run_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    kept: Tensor,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    wants_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `x` (empty unless wanted), of `weight` and of the bias."""
    x_last = lies_last(x)
    x, weight, gradient = in_layout(x, x_last), weight.contiguous(), in_layout(gradient, last)
    dx = new_map(x, tuple(x.shape), x_last) if wants_dx else x.new_empty(0)
    dweight = torch.empty_like(weight, memory_format=torch.contiguous_format)
    dbias = weight.new_empty(weight.shape[0])
    numbers = shape_numbers(x, weight, padding, activation, x_last, last)
    shape, floats = _backward_call(numbers, wants_dx)
    memory = workspace(floats)
    library().avg_backward_run(
        shape,
        pointer(gradient),
        pointer(x),
        pointer(weight),
        pointer(kept if kept.numel() else None),
        pointer(dx if wants_dx else None),
        pointer(dweight),
        pointer(dbias),
        pointer(memory),
    )
    return dx, dweight, dbias


@torch.library.custom_op("striate::conv_avg_pool", mutates_args=())
def operator(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """The kernel as one node of a traced graph; `keep` asks for what backward reads."""
    return run_forward(x, weight, bias, (pad_h, pad_w), activation, last, keep)


@operator.register_fake
def _(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    size = pooled_size(x, weight, (pad_h, pad_w))
    return new_map(x, size, last), x.new_empty(kept_size(size, activation, keep))


@torch.library.custom_op("striate::conv_avg_pool_backward", mutates_args=())
def backward_operator(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    kept: Tensor,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    wants_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Backward as one node of a traced graph."""
    return run_backward(gradient, x, weight, kept, (pad_h, pad_w), activation, last, wants_dx)


@backward_operator.register_fake
def _(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    kept: Tensor,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    wants_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dx = new_map(x, tuple(x.shape), lies_last(x)) if wants_dx else x.new_empty(0)
    dweight = torch.empty_like(weight, memory_format=torch.contiguous_format)
    return dx, dweight, weight.new_empty(weight.shape[0])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, bias, *ctx.settings, _keep = inputs
    ctx.has_bias = bias is not None
    ctx.save_for_backward(x, weight, output[1])


def _backward(ctx: Any, gradient: Tensor, _kept: Tensor) -> tuple[Tensor | None, ...]:
    wants_dx = ctx.needs_input_grad[0]
    found = backward_operator(gradient, *ctx.saved_tensors, *ctx.settings, wants_dx)
    dx, dweight, dbias = found
    bias = dbias if ctx.has_bias else None
    return (dx if wants_dx else None, dweight, bias, None, None, None, None, None)


operator.register_autograd(_backward, setup_context=_setup_context)


class Direct(torch.autograd.Function):
    """The same without the dispatcher's round trip, a tenth of a small network's step."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        padding: tuple[int, int],
        activation: int,
        last: bool,
    ) -> Tensor:
        y, kept = run_forward(x, weight, bias, padding, activation, last, keep=True)
        ctx.save_for_backward(x, weight, bias, kept)
        ctx.settings = (padding, activation, last)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, kept = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody wants the gradient of this gradient
            return *plain_gradients(gradient, (x, weight, bias), ctx.settings, "avg"), *[None] * 3
        wants_dx = ctx.needs_input_grad[0]
        padding, activation, last = ctx.settings
        dx, dweight, dbias = run_backward(
            gradient, x, weight, kept, padding, activation, last, wants_dx
        )
        return dx if wants_dx else None, dweight, None if bias is None else dbias, None, None, None
