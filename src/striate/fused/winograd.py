"""3x3 convolution with stride 1 by Winograd's F(4x4, 3x3), forward and both ways backward.

A tile of 4x4 outputs takes 36 products for each pair of channels instead of 144, at the price of
linear transforms before and after. The products are matrix products, so it pays where there are
many channels; whether it does on this machine for these shapes is measured, not assumed.

    Y = Aᵀ [ Σ_c (G w_c Gᵀ) ⊙ (Bᵀ x_c B) ] A          a tile; ⊙ is elementwise, 6x6

The gradient of the data is the same with the kernel turned by 180 degrees and transposed; that
of the weights is Gᵀ [ Σ_tiles (Bᵀ x B) ⊙ (A dY Aᵀ) ] G.

Source: Winograd, Arithmetic Complexity of Computations (1980); Lavin and Gray, Fast Algorithms
for Convolutional Neural Networks, arXiv 1509.09308. The points of interpolation are our own.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from striate.errors import SettingError, ShapeError
from striate.fused import guard
from striate.fused.choose import layer_is_faster, layer_question
from striate.fused.layer import (
    Activation,
    LayerShape,
    Padding2d,
    contiguous,
    is_available,
    new_map,
    plain_gradients,
)
from striate.fused.winograd_kernels import convolve, library, weight_gradient

FEWEST_CHANNELS = 32  # with fewer, the transforms cost what the products save


def conv3x3(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: Padding2d = 1,
    relu: bool = False,
    measured: bool = False,
) -> Tensor:
    """Cross-correlate a batch of maps with 3x3 kernels, stride 1.

    Differentiable. Where the compiled code cannot stand for it (see `striate.fused.guard`, or no
    compiler), the same result comes from PyTorch.

    Error: with ε = 2⁻²³, every element differs from float64 by less than

        8 ε max_o Σ_c max|x_c| Σ|w_oc|              in the result
        8 ε max_c Σ_o max|dy_o| Σ|w_oc|             in the gradient of `x`
        8 ε max_oc max|x_c| Σ|dy_o|                 in the gradient of `weight`

    Measured on random maps, 1 to 512 channels: at most 3.5 ε of these (oneDNN's direct form 0.6),
    or 3e-6 of the largest element (oneDNN 4e-6; in the middle 1e-6, oneDNN 3e-7). A tile is
    computed as a whole: an infinite or NaN input makes all outputs of its tiles NaN, and an
    element far smaller than its neighbors has their absolute error.

    Args:
        x: maps, (batch, channels, height, width), best in channels_last memory.
        weight: kernels, (outputs, channels, 3, 3).
        bias: (outputs,), added before the activation.
        padding: zeros added on every side, or (top and bottom, left and right).
        relu: whether ReLU comes last.
        measured: use the kernel only where it beats PyTorch here.

    Returns:
        (batch, outputs, height + 2 top - 2, width + 2 left - 2), in channels_last memory.

    Raises:
        ShapeError: the sizes do not fit each other.
        SettingError: negative padding.

    >>> x, weight = torch.ones(1, 2, 5, 7), torch.ones(3, 2, 3, 3)
    >>> conv3x3(x, weight, padding=(0, 1))[0, 0, 0].round(decimals=3)
    tensor([12., 18., 18., 18., 18., 18., 12.])
    """
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    if min(rows, columns) < 0:
        raise SettingError(f"padding is {(rows, columns)}", remedy="Use 0 or more.")
    _check_shapes(x, weight, bias, (rows, columns))
    x = x.contiguous(memory_format=torch.channels_last)
    settings = (rows, columns), relu
    if not supports(x, weight, bias) or not available():
        return _plainly(*settings, x, weight, bias)
    if measured:
        sizes = tuple(x.shape[1:]), tuple(weight.shape)
        activation: Activation = "relu" if relu else "identity"
        layer = LayerShape("conv", *sizes, bias is not None, activation, (rows, columns))
        asked = layer_question("Winograd convolution", layer, x, weight, bias)
        if not layer_is_faster(asked, partial(_run, *settings), partial(_plainly, *settings)):
            return _plainly(*settings, x, weight, bias)
    return _run(*settings, x, weight, bias)


def _plainly(
    padding: tuple[int, int], relu: bool, x: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    plain = functional.conv2d(x, weight, bias, padding=padding)
    return functional.relu(plain, inplace=True) if relu else plain


def _run(
    padding: tuple[int, int], relu: bool, x: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    given = x, weight, bias, *padding, relu
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in given[:3]):
        return cast(Tensor, WinogradFunction.apply(*given))  # type: ignore[no-untyped-call]
    return run_forward(*given)


def supports(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether the compiled code can stand for this; whether it is faster is another matter.

    >>> supports(torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3))
    True
    >>> supports(torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 5, 5))
    False
    """
    shapes = x.ndim == 4 and weight.ndim == 4 and tuple(weight.shape[2:]) == (3, 3)
    return shapes and guard.allows(x, weight, bias)


def available() -> bool:
    """Whether the compiled code is there; the first call builds it or finds it in the cache.

    Raises:
        Unavailable: it is not, and `STRIATE_FUSED=require`.
    """
    return is_available(library)


def _check_shapes(x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> None:
    if x.ndim != 4 or weight.ndim != 4 or tuple(weight.shape[1:]) != (x.shape[1], 3, 3):
        raise ShapeError(
            f"kernels of {tuple(weight.shape)} do not fit maps of {tuple(x.shape)}",
            remedy="Give (batch, channels, height, width) and (outputs, channels, 3, 3).",
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ShapeError(
            f"a bias of {tuple(bias.shape)} does not fit {weight.shape[0]} outputs",
            remedy=f"Give ({weight.shape[0]},).",
        )
    if x.shape[2] + 2 * padding[0] < 3 or x.shape[3] + 2 * padding[1] < 3:
        raise ShapeError(
            f"a 3x3 window does not fit maps of {tuple(x.shape[2:])} padded by {padding}",
            remedy="Pad more, or start from larger maps.",
        )


def run_forward(
    x: Tensor, weight: Tensor, bias: Tensor | None, rows: int, columns: int, relu: bool
) -> Tensor:
    """The convolution by the compiled code; `rows` and `columns` are zeros above and left."""
    x = x.contiguous(memory_format=torch.channels_last)
    height, width = x.shape[2] + 2 * rows - 2, x.shape[3] + 2 * columns - 2
    y = new_map(x, (x.shape[0], weight.shape[0], height, width), last=True)
    taps, strides = weight.data_ptr(), weight.stride()
    convolve(library(), x, taps, strides, (rows, columns), y, contiguous(bias), relu=relu)
    return y


def run_backward_data(
    gradient: Tensor, weight: Tensor, padding: tuple[int, int], size: torch.Size
) -> Tensor:
    """The gradient of maps of that size: a convolution again.

    Channels and outputs change places, and both kernel axes run backward, from the last tap on.
    """
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    dx = new_map(gradient, tuple(size), last=True)
    output, channel, row, column = weight.stride()
    last_tap = weight.data_ptr() + 2 * (row + column) * weight.element_size()
    pads, strides = (2 - padding[0], 2 - padding[1]), (channel, output, -row, -column)
    convolve(library(), gradient, last_tap, strides, pads, dx)
    return dx


def run_backward_weight(
    gradient: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int]
) -> Tensor:
    """The gradient of the kernels."""
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    dw = torch.empty_like(weight)
    weight_gradient(library(), x, gradient, padding, dw)
    return dw


class WinogradFunction(torch.autograd.Function):
    """The convolution, differentiable: given what `run_forward` is."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        x, weight, bias, rows, columns, relu = given
        y = run_forward(*given)
        ctx.padding, ctx.relu = (rows, columns), relu
        ctx.save_for_backward(x, weight, bias, y if relu else None)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, y = ctx.saved_tensors
        if torch.is_grad_enabled() or not guard.allows(gradient, x, weight, bias, y):
            again = partial(_plainly, ctx.padding, ctx.relu)
            return *plain_gradients(again, (x, weight, bias), gradient), None, None, None
        need_x, need_weight, need_bias = ctx.needs_input_grad[:3]
        if y is not None:
            gradient = gradient * (y > 0)
        dx = run_backward_data(gradient, weight, ctx.padding, x.shape) if need_x else None
        dw = run_backward_weight(gradient, x, weight, ctx.padding) if need_weight else None
        db = gradient.sum((0, 2, 3)) if need_bias else None
        return dx, dw, db, None, None, None
