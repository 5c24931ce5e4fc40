"""Convolution, activation and 2x2 pool as one operator of PyTorch, and its gradient.

`striate::conv_pool` answers with the pooled map and with what backward reads of the rest:
`avg_pool.kept_size` and `max_pool.places_size` say what that is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from striate.fused import avg_pool, max_pool
from striate.fused.layer import (
    ACTIVATIONS,
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
PAYS_IN_TILES = {"max": max_pool.pays_in_tiles, "avg": avg_pool.pays_in_tiles}


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
    x, weight = in_layout(x, x_last), weight.contiguous()
    y, kept = _new_results(x, weight, padding, activation, last, pool, keep)
    tiles = winograd and PAYS_IN_TILES[pool](weight)
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
    tiles = winograd and pool == "avg" and avg_pool.pays_in_tiles(weight)
    run, shape, floats = _kernel(pool, "tiles_backward" if tiles else "backward", numbers, wants_dx)
    memory = workspace(floats)
    maps = (gradient, x, weight) if y is None else (gradient, x, weight, in_layout(y, last))
    read = kept if kept.numel() else None
    given = (*maps, read, dx if wants_dx else None, dweight, dbias, memory)
    run(shape, *map(pointer, given))
    return dx, dweight, dbias


operator = torch.library.custom_op("striate::conv_pool", run_forward, mutates_args=())
backward_operator = torch.library.custom_op(
    "striate::conv_pool_backward", run_backward, mutates_args=()
)


@operator.register_fake
def _(
    x: Tensor, weight: Tensor, bias: Tensor | None, pad_h: int, pad_w: int, *settings: Any
) -> tuple[Tensor, Tensor]:
    return _new_results(x, weight, (pad_h, pad_w), *settings[:-1])


@backward_operator.register_fake
def _(gradient: Tensor, x: Tensor, weight: Tensor, *more: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _new_gradients(x, weight, wants_dx=more[-1])


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, bias, *settings, _keep, winograd = inputs
    ctx.settings = (*settings, winograd)
    y, kept = output
    pool = settings[-1]
    ctx.save_for_backward(x, weight, bias, y if pool == "max" else None, kept)


def _gradients(
    ctx: Any, gradient: Tensor, backward: Callable[..., tuple[Tensor, Tensor, Tensor]]
) -> tuple[Tensor | None, ...]:
    """What autograd wants: a gradient for each of the operator's ten arguments."""
    x, weight, bias, y, kept = ctx.saved_tensors
    wants_dx = ctx.needs_input_grad[0]
    dx, dweight, dbias = backward(gradient, x, weight, y, kept, *ctx.settings, wants_dx)
    return dx if wants_dx else None, dweight, None if bias is None else dbias, *[None] * 7


operator.register_autograd(
    lambda ctx, gradient, _: _gradients(ctx, gradient, backward_operator), setup_context=_remember
)


class Direct(torch.autograd.Function):
    """The same without the dispatcher's round trip, a tenth of a small network's step."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        """The operator's arguments, `keep` among them."""
        output = run_forward(*given)
        _remember(ctx, given, output)
        return output[0]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():
            return _gradients(ctx, gradient, run_backward)
        # somebody wants the gradient of this gradient
        pad_h, pad_w, activation, _last, pool, _winograd = ctx.settings
        x, weight, bias, *_ = ctx.saved_tensors
        y = plain(x, weight, bias, (pad_h, pad_w), ACTIVATIONS[activation], pool)
        return *plain_gradients(y, (x, weight, bias), gradient), *[None] * 7
