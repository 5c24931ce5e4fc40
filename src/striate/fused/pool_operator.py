"""Convolution, activation and 2x2 pool as one function of autograd, and its gradient.

Forward keeps for backward what `avg_pool.kept_size` and `max_pool.places_size` say.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor

from striate.fused import avg_pool, guard, max_pool
from striate.fused.layer import (
    ACTIVATIONS,
    Pool,
    contiguous,
    in_layout,
    lies_last,
    new_map,
    plain,
    plain_gradients,
    pointer,
    pooled_size,
    shape_numbers,
    shape_of,
    workspace,
)

LIBRARIES = {"max": max_pool.library, "avg": avg_pool.library}
TILES_ARE_FASTER = {"max": max_pool.tiles_are_faster, "avg": avg_pool.tiles_are_faster}


@lru_cache(maxsize=512)
def _kernel(pool: str, name: str, numbers: tuple[int, ...], *more: int) -> tuple[Any, Any, int]:
    """A compiled function, the shape it takes, and how many floats its workspace has."""
    built, shape = LIBRARIES[pool](), shape_of(numbers)
    floats = getattr(built, f"{pool}_{name}_workspace")(shape, *more)
    return getattr(built, f"{pool}_{name}_run"), shape, floats


def _new_results(
    x: Tensor,
    weight: Tensor,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    pool: str,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """The pooled map and what backward reads, to be filled in."""
    size = pooled_size(x, weight, padding)
    y = new_map(x, size, last)
    if pool == "avg":
        return y, x.new_empty(avg_pool.kept_size(size, activation, keep))
    return y, x.new_empty(max_pool.places_size(size) if keep else (0,), dtype=torch.uint8)


def run_forward(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    pool: str,
    keep: bool,
    winograd: bool,
) -> tuple[Tensor, Tensor]:
    """The pooled map, and what backward reads (nothing unless `keep`).

    `winograd` allows its tiles where they pay.
    """
    x_last, padding = lies_last(x), (pad_h, pad_w)
    x, weight, bias = in_layout(x, x_last), weight.contiguous(), contiguous(bias)
    y, kept = _new_results(x, weight, padding, activation, last, pool, keep)
    tiles = winograd and TILES_ARE_FASTER[pool](weight.shape)
    numbers = shape_numbers(x, weight, padding, activation, x_last, last)
    run, shape, floats = _kernel(pool, "tiles" if tiles else "forward", numbers)
    memory = workspace(floats)
    given = (x, weight, bias, y, kept if kept.numel() else None, memory)
    run(shape, *map(pointer, given))
    return y, kept


def _new_gradients(x: Tensor, weight: Tensor, wants_dx: bool) -> tuple[Tensor, Tensor, Tensor]:
    dx = new_map(x, tuple(x.shape), lies_last(x)) if wants_dx else x.new_empty(0)
    dweight = torch.empty_like(weight, memory_format=torch.contiguous_format)
    return dx, dweight, weight.new_empty(weight.shape[0])


def run_backward(
    gradient: Tensor,
    x: Tensor,
    weight: Tensor,
    y: Tensor | None,
    kept: Tensor,
    pad_h: int,
    pad_w: int,
    activation: int,
    last: bool,
    pool: str,
    winograd: bool,
    wants_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `x` (empty unless wanted), of `weight` and of the bias.

    A max-pool needs its result `y`, and has no tiles for `winograd` to allow.
    """
    x_last = lies_last(x)
    x, weight, gradient = in_layout(x, x_last), weight.contiguous(), in_layout(gradient, last)
    dx, dweight, dbias = _new_gradients(x, weight, wants_dx)
    numbers = shape_numbers(x, weight, (pad_h, pad_w), activation, x_last, last)
    tiles = winograd and pool == "avg" and avg_pool.tiles_are_faster(weight.shape)
    run, shape, floats = _kernel(pool, "tiles_backward" if tiles else "backward", numbers, wants_dx)
    memory = workspace(floats)
    maps = (gradient, x, weight) if y is None else (gradient, x, weight, in_layout(y, last))
    read = kept if kept.numel() else None
    given = (*maps, read, dx if wants_dx else None, dweight, dbias, memory)
    run(shape, *map(pointer, given))
    return dx, dweight, dbias


class ConvPoolFunction(torch.autograd.Function):
    """A convolution, activation and pool, differentiable: given what `run_forward` is."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x, weight, bias, *settings, _keep, winograd = given
        y, kept = run_forward(*given)
        ctx.settings = (*settings, winograd)
        pool = settings[-1]
        ctx.save_for_backward(x, weight, bias, y if pool == "max" else None, kept)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, y, kept = ctx.saved_tensors
        if torch.is_grad_enabled() or not guard.allows(gradient, x, weight, bias, y):
            pad_h, pad_w, activation, _last, pool, _winograd = ctx.settings
            again = partial(_plainly, (pad_h, pad_w), activation, pool)
            return *plain_gradients(again, (x, weight, bias), gradient), *[None] * 7
        wants_dx = ctx.needs_input_grad[0]
        given = gradient, x, weight, y, kept, *ctx.settings, wants_dx
        dx, dweight, dbias = run_backward(*given)
        return dx if wants_dx else None, dweight, None if bias is None else dbias, *[None] * 7


def _plainly(
    padding: tuple[int, int],
    activation: int,
    pool: Pool,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    return plain(x, weight, bias, padding, ACTIVATIONS[activation], pool)
