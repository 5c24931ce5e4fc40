"""Convolution, activation and 2x2 max-pool as one operator: `csrc/conv_max.cpp` for PyTorch.

`striate::conv_max_pool` also returns one byte for each pooled output, the place of its maximum in
the window (0..3 in reading order; 4 where ReLU is dead), laid out (batch, pooled height * pooled
width, outputs rounded up to 16). That byte is all that backward keeps of the convolution's output.
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

FEWEST_FOR_TILES = 16


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("conv_max")
    built.max_forward_workspace.restype = ctypes.c_int64
    built.max_tiles_workspace.restype = ctypes.c_int64
    built.max_backward_workspace.restype = ctypes.c_int64
    return built


@lru_cache(maxsize=256)
def _forward_call(numbers: tuple[int, ...], tiles: bool) -> tuple[Any, Any, int]:
    shape, built = shape_of(numbers), library()
    if tiles:
        return built.max_tiles_run, shape, built.max_tiles_workspace(shape)
    return built.max_forward_run, shape, built.max_forward_workspace(shape)


def pays_in_tiles(weight: Tensor) -> bool:
    """Whether Winograd's tiles win: kernels of 3x3 or 5x5, enough channels for the transforms.

    >>> pays_in_tiles(torch.zeros(64, 32, 5, 5)), pays_in_tiles(torch.zeros(64, 1, 5, 5))
    (True, False)
    """
    outputs, channels, height, width = weight.shape
    return height == width and height in (3, 5) and min(channels, outputs) >= FEWEST_FOR_TILES


@lru_cache(maxsize=256)
def _backward_call(numbers: tuple[int, ...], wants_dx: bool) -> tuple[Any, int]:
    shape = shape_of(numbers)
    return shape, library().max_backward_workspace(shape, int(wants_dx))


def places_size(size: tuple[int, int, int, int]) -> tuple[int, int, int]:
    """The shape of the bytes for a pooled size.

    >>> places_size((2, 20, 3, 5))
    (2, 15, 32)
    """
    batch, outputs, height, width = size
    return batch, height * width, -(-outputs // 16) * 16


def run_forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    keep: bool,
    winograd: bool,
) -> tuple[Tensor, Tensor]:
    """The pooled map, and the places of its maxima (no bytes unless `keep`).

    `winograd` allows its tiles where they pay.
    """
    x_last = lies_last(x)
    x, weight = in_layout(x, x_last), weight.contiguous()
    size = pooled_size(x, weight, padding)
    y = new_map(x, size, last)
    places = x.new_empty(places_size(size) if keep else (0,), dtype=torch.uint8)
    numbers = shape_numbers(x, weight, padding, activation, x_last, last)
    run, shape, floats = _forward_call(numbers, winograd and pays_in_tiles(weight))
    memory = workspace(floats)
    run(
        shape,
        pointer(x),
        pointer(weight),
        pointer(bias),
        pointer(y),
        pointer(places if keep else None),
        pointer(memory),
    )
    return y, places


def run_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    y: Tensor,
    places: Tensor,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    wants_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `x` (empty unless wanted), of `weight` and of the bias."""
    x_last = lies_last(x)
    x, weight = in_layout(x, x_last), weight.contiguous()
    gradient, y = in_layout(gradient, last), in_layout(y, last)
    dx = new_map(x, tuple(x.shape), x_last) if wants_dx else x.new_empty(0)
    dweight = torch.empty_like(weight, memory_format=torch.contiguous_format)
    dbias = weight.new_empty(weight.shape[0])
    numbers = shape_numbers(x, weight, padding, activation, x_last, last)
    shape, floats = _backward_call(numbers, wants_dx)
    memory = workspace(floats)
    library().max_backward_run(
        shape,
        pointer(gradient),
        pointer(x),
        pointer(weight),
        pointer(y),
        pointer(places),
        pointer(dx if wants_dx else None),
        pointer(dweight),
        pointer(dbias),
        pointer(memory),
    )
    return dx, dweight, dbias


@torch.library.custom_op("striate::conv_max_pool", mutates_args=())
def operator(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    keep: bool,
    winograd: bool,
) -> tuple[Tensor, Tensor]:
    """The kernel as one node of a traced graph; `keep` asks for the bytes that backward reads."""
    return run_forward(x, weight, bias, (pad_h, pad_w), activation, last, keep, winograd)


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
    winograd: bool,
) -> tuple[Tensor, Tensor]:
    size = pooled_size(x, weight, (pad_h, pad_w))
    places = x.new_empty(places_size(size) if keep else (0,), dtype=torch.uint8)
    return new_map(x, size, last), places


@torch.library.custom_op("striate::conv_max_pool_backward", mutates_args=())
def backward_operator(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    y: Tensor,
    places: Tensor,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    wants_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Backward as one node of a traced graph."""
    return run_backward(gradient, x, weight, y, places, (pad_h, pad_w), activation, last, wants_dx)


@backward_operator.register_fake
def _(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    y: Tensor,
    places: Tensor,
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
    x, weight, bias, *ctx.settings, _keep, _winograd = inputs
    ctx.has_bias = bias is not None
    ctx.save_for_backward(x, weight, *output)


def _backward(ctx: Any, gradient: Tensor, _places: Tensor) -> tuple[Tensor | None, ...]:
    wants_dx = ctx.needs_input_grad[0]
    dx, dweight, dbias = backward_operator(gradient, *ctx.saved_tensors, *ctx.settings, wants_dx)
    bias = dbias if ctx.has_bias else None
    return (dx if wants_dx else None, dweight, bias, None, None, None, None, None, None)


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
        winograd: bool,
    ) -> Tensor:
        y, places = run_forward(x, weight, bias, padding, activation, last, True, winograd)
        ctx.save_for_backward(x, weight, bias, y, places)
        ctx.settings = (padding, activation, last)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, y, places = ctx.saved_tensors
        if torch.is_grad_enabled():  # somebody wants the gradient of this gradient
            return *plain_gradients(gradient, (x, weight, bias), ctx.settings, "max"), *[None] * 4
        wants_dx = ctx.needs_input_grad[0]
        padding, activation, last = ctx.settings
        dx, dweight, dbias = run_backward(
            gradient, x, weight, y, places, padding, activation, last, wants_dx
        )
        return dx if wants_dx else None, dweight, None if bias is None else dbias, *[None] * 4
