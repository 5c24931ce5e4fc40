"""Convolution, bias, activation and 2x2 pool as one step.

Where the compiled kernels cannot stand for it (see `striate.fused.guard`, or no compiler), the same
numbers come from PyTorch's own operators.

Source of the gradient's sparsity: behind max-pooling only the maximum of a window has a gradient
(LeCun, Bengio, Hinton, Deep learning, Nature 521, 2015, says so of any max); so backward to data
and to weights each need at most a quarter of a dense convolution's products.
"""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
from torch import Tensor

from striate.errors import SettingError, ShapeError
from striate.fused import guard
from striate.fused.choose import Kernel, layer_is_faster, layer_question
from striate.fused.layer import (
    ACTIVATIONS,
    LARGEST_KERNEL,
    POOLS,
    Activation,
    LayerShape,
    Padding2d,
    Pool,
    is_available,
    lies_last,
    plain,
)
from striate.fused.pool_operator import LIBRARIES, ConvPoolFunction, run_forward

LAYOUTS = ("contiguous", "channels_last")


def conv_pool(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: Padding2d = 0,
    activation: Activation = "identity",
    pool: Pool = "max",
    channels_last: bool = True,
    measured: bool = False,
    winograd: bool = True,
) -> Tensor:
    """Cross-correlate with stride 1, add the bias, activate, and pool 2x2 with stride 2.

    `activation` before or after a max-pool is the same (it is monotone); before an average pool.
    Differentiable.

    Args:
        x: maps, (batch, channels, height, width).
        weight: kernels, (outputs, channels, rows, columns), 1 to 7 rows and columns.
        bias: (outputs,).
        padding: zeros added on every side, or (top and bottom, left and right).
        activation: "identity", "relu", "tanh" or "sigmoid".
        pool: "max" or "avg".
        channels_last: memory layout the kernels write: best before another convolution; False is
            best before flattening. Plain PyTorch chooses its own.
        measured: use the kernels only where they beat PyTorch on this machine (the first call with
            new shapes measures; `striate.fused.choose.choices()` lists what was found).
        winograd: allow its tiles where they pay (3x3 and 5x5 kernels, 16 outputs or more of as
            many channels; before an average pool of 6 channels or more, and backward too). Their
            error is up to 4 times that of PyTorch's float32 (9 times before an average pool, where
            PyTorch's is smaller, and in its gradients), that of the other kernels at most twice;
            and a tie over a constant region may go to another place.

    Returns:
        (batch, outputs, pooled height, pooled width).

    Raises:
        ShapeError: the kernel is larger than the padded map, or the sizes do not fit.
        SettingError: an unknown activation or pool, or negative padding.

    >>> x, weight = torch.arange(16.0).reshape(1, 1, 4, 4), torch.ones(1, 1, 1, 1)
    >>> conv_pool(x, weight)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    >>> conv_pool(x, weight, pool="avg")
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """
    pads = (padding, padding) if isinstance(padding, int) else padding
    _check(x, weight, bias, pads, activation, pool)
    if not supports(x, weight, bias) or not available(pool):
        return plain(x, weight, bias, pads, activation, pool)
    run = partial(_run, pool, pads, ACTIVATIONS.index(activation), channels_last, winograd)
    if measured:
        sizes = tuple(x.shape[1:]), tuple(weight.shape)
        layer = LayerShape(pool, *sizes, bias is not None, activation, pads)
        layout = " to ".join(LAYOUTS[last] for last in (lies_last(x), channels_last))
        kernel: Kernel = "convolution and pool"
        asked = layer_question(kernel, layer, x, weight, bias, layout=layout, tiles=winograd)
        if not layer_is_faster(asked, run, partial(_best, pads, activation, pool)):
            return _best(pads, activation, pool, x, weight, bias)
    return run(x, weight, bias)


def _best(
    padding: tuple[int, int],
    activation: Activation,
    pool: Pool,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    """By PyTorch's operators, in the layout that they are faster in."""
    last = x.contiguous(memory_format=torch.channels_last)
    return plain(last, weight, bias, padding, activation, pool)


def available(pool: Pool) -> bool:
    """Whether the kernels for that pool are there, building them on the first question.

    Raises:
        Unavailable: they are not, and `STRIATE_FUSED=require`.
    """
    return is_available(LIBRARIES[pool])


def _run(
    pool: Pool,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    winograd: bool,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
) -> Tensor:
    keep = torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (x, weight, bias)
    )
    given = (x, weight, bias, *padding, activation, last, pool, keep, winograd)
    if keep:
        return cast(Tensor, ConvPoolFunction.apply(*given))  # type: ignore[no-untyped-call]
    return run_forward(*given)[0]


def supports(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether the kernels can stand for this; whether they are faster is another matter.

    >>> supports(torch.zeros(2, 1, 8, 8), torch.zeros(6, 1, 5, 5))
    True
    >>> supports(torch.zeros(2, 1, 8, 8).double(), torch.zeros(6, 1, 5, 5).double())
    False
    """
    return max(weight.shape[2:]) <= LARGEST_KERNEL and guard.allows(x, weight, bias)


def _check(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    activation: str,
    pool: str,
) -> None:
    if activation not in ACTIVATIONS:
        raise SettingError(
            f"conv_pool knows no activation {activation!r}",
            remedy=f"Use one of {', '.join(ACTIVATIONS)}.",
        )
    if pool not in POOLS:
        raise SettingError(f"conv_pool knows no pool {pool!r}", remedy="Use max or avg.")
    if min(padding) < 0:
        raise SettingError(f"padding is {padding}", remedy="Use 0 or more.")
    if x.ndim != 4 or weight.ndim != 4 or weight.shape[1] != x.shape[1]:
        raise ShapeError(
            f"kernels of {tuple(weight.shape)} do not fit maps of {tuple(x.shape)}",
            remedy="Give (batch, channels, height, width) and (outputs, channels, rows, columns).",
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(
            f"a bias of {tuple(bias.shape)} does not fit {weight.shape[0]} outputs",
            remedy=f"Give ({weight.shape[0]},).",
        )
    out = [x.shape[2 + i] + 2 * padding[i] - weight.shape[2 + i] + 1 for i in (0, 1)]
    if min(out) < 2:
        raise ShapeError(
            f"kernels of {tuple(weight.shape[2:])} leave {out[0]}x{out[1]} of a map of"
            f" {tuple(x.shape[2:])} padded by {padding}, too little for a 2x2 pool",
            remedy="Pad more, or use a smaller kernel.",
        )
