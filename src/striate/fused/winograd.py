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

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from striate.errors import SettingError, ShapeError
from striate.fused import build
from striate.fused.choose import fused_wins, question
from striate.fused.winograd_kernels import convolve, library, weight_gradient

Padding = int | tuple[int, int]
Activation = Literal["none", "relu"]

FEWEST_CHANNELS = 32  # with fewer, the transforms cost what the products save


def conv3x3(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: Padding = 1,
    activation: Activation = "none",
    measured: bool = False,
) -> Tensor:
    """Cross-correlate a batch of maps with 3x3 kernels, stride 1, in float32 on the CPU.

    Differentiable, and one operator to `torch.compile` and `torch.export`. Without a C++ compiler
    the same result comes from PyTorch.

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
        activation: "none" or "relu", applied on the way out.
        measured: use the kernel only where it beats PyTorch here.

    Returns:
        (batch, outputs, height + 2 top - 2, width + 2 left - 2), in channels_last memory.

    Raises:
        ShapeError: the sizes do not fit each other.
        SettingError: not float32 on the CPU, or an unknown activation.

    >>> x, weight = torch.ones(1, 2, 5, 7), torch.ones(3, 2, 3, 3)
    >>> conv3x3(x, weight, padding=(0, 1))[0, 0, 0].round(decimals=3)
    tensor([12., 18., 18., 18., 18., 18., 12.])
    """
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    if activation not in ("none", "relu"):
        raise SettingError(
            f"conv3x3 knows no activation {activation!r}", remedy='Use "none" or "relu".'
        )
    if min(rows, columns) < 0:
        raise SettingError(f"padding is {(rows, columns)}", remedy="Use 0 or more.")
    _check_kinds(x, weight, bias)
    _check_shapes(x, weight, bias, (rows, columns))
    x = x.contiguous(memory_format=torch.channels_last)
    relu = activation == "relu"
    if measured and not _wins(x, weight, (rows, columns), relu):
        return _plainly(x, weight, bias, (rows, columns), relu)
    result: Tensor = _forward(x, weight, bias, rows, columns, relu)
    return result


def _plainly(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int], relu: bool
) -> Tensor:
    plain = functional.conv2d(x, weight, bias, padding=padding)
    return functional.relu(plain, inplace=True) if relu else plain


def _wins(x: Tensor, weight: Tensor, padding: tuple[int, int], relu: bool) -> bool:
    if not available():
        return False
    asked = question(x, weight, padding, "relu" if relu else "identity", "none")
    return fused_wins(
        asked,
        lambda a, b: _forward(a, b, None, *padding, relu),
        lambda a, b: _plainly(a, b, None, padding, relu),
    )


def supports(
    x: Tensor,
    weight: Tensor,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> bool:
    """Whether `conv3x3` can stand for this convolution; whether it is faster is another matter.

    >>> supports(torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3))
    True
    >>> supports(torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 5, 5))
    False
    """
    plain = tuple(stride) == (1, 1) and tuple(dilation) == (1, 1) and groups == 1
    shapes = x.ndim == 4 and weight.ndim == 4 and tuple(weight.shape[2:]) == (3, 3)
    kinds = all(t.dtype == torch.float32 and t.device.type == "cpu" for t in (x, weight))
    return plain and shapes and kinds


def available() -> bool:
    """Whether the compiled code is there; the first call builds it or finds it in the cache.

    Raises:
        Unavailable: it is not, and `STRIATE_FUSED=require`.
    """
    return build.found(library) is not None


def _check_kinds(*given: Tensor | None) -> None:
    """The compiled code reads memory as it is told to: nothing else may reach it."""
    tensors = [t for t in given if t is not None]
    if any(t.dtype != torch.float32 or t.device.type != "cpu" for t in tensors):
        kinds = ", ".join(f"{t.dtype} on {t.device}".removeprefix("torch.") for t in tensors)
        raise SettingError(
            f"conv3x3 computes in float32 on the CPU, not {kinds}",
            remedy="Use torch.nn.functional.conv2d for other types and devices.",
        )


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


def _check_gradient(gradient: Tensor, x: Tensor | None, weight: Tensor) -> None:
    _check_kinds(gradient, x, weight)
    fits = gradient.ndim == 4 and tuple(weight.shape[2:]) == (3, 3)
    fits = fits and gradient.shape[1] == weight.shape[0]
    if x is not None:
        fits = fits and tuple(x.shape[:2]) == (gradient.shape[0], weight.shape[1])
    if not fits:
        raise ShapeError(
            f"a gradient of {tuple(gradient.shape)} does not fit kernels of {tuple(weight.shape)}",
            remedy="Give the gradient of what conv3x3 returned.",
        )


def _empty(batch: int, channels: int, height: Any, width: Any, like: Tensor) -> Tensor:
    return torch.empty(
        (batch, channels, height, width),
        dtype=like.dtype,
        device=like.device,
        memory_format=torch.channels_last,
    )


def _owned(result: Tensor) -> Tensor:
    return result.contiguous(memory_format=torch.channels_last)


def _plain_gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int], wanted: str
) -> Tensor:
    mask = (wanted == "data", wanted == "weight", False)
    dx, dw, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, (1, 1), padding, (1, 1), False, (0, 0), 1, mask
    )
    result: Tensor = dx if wanted == "data" else dw
    return result


# ---- the three operators; `rows` and `columns` are the padding above and left of the map


@torch.library.custom_op("striate::winograd_forward", mutates_args=(), device_types="cpu")
def _forward(
    x: Tensor, weight: Tensor, bias: Tensor | None, rows: int, columns: int, relu: bool
) -> Tensor:
    _check_kinds(x, weight, bias)
    _check_shapes(x, weight, bias, (rows, columns))
    built = build.found(library)
    if built is None:
        return _owned(_plainly(x, weight, bias, (rows, columns), relu))
    x = x.contiguous(memory_format=torch.channels_last)
    y = _forward_fake(x, weight, bias, rows, columns, relu)
    if y.numel():
        shift = bias.contiguous() if bias is not None else None
        taps, strides = weight.data_ptr(), weight.stride()
        convolve(built, x, taps, strides, (rows, columns), y, shift, relu=relu)
    return y


@_forward.register_fake
def _forward_fake(
    x: Tensor, weight: Tensor, bias: Tensor | None, rows: int, columns: int, relu: bool
) -> Tensor:
    height, width = x.shape[2] + 2 * rows - 2, x.shape[3] + 2 * columns - 2
    return _empty(x.shape[0], weight.shape[0], height, width, x)


@torch.library.custom_op("striate::winograd_backward_data", mutates_args=(), device_types="cpu")
def _backward_data(
    gradient: Tensor, weight: Tensor, rows: int, columns: int, height: int, width: int
) -> Tensor:
    _check_gradient(gradient, None, weight)
    built = build.found(library)
    if built is None:
        shape = (gradient.shape[0], weight.shape[1], height, width)
        x = gradient.new_empty(1).expand(shape)  # only its shape is looked at
        return _owned(_plain_gradients(gradient, x, weight, (rows, columns), "data"))
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    dx = _backward_data_fake(gradient, weight, rows, columns, height, width)
    if dx.numel():
        # A convolution again: channels and outputs change places, and both kernel axes run
        # backward, from the last tap on.
        output, channel, row, column = weight.stride()
        last_tap = weight.data_ptr() + 2 * (row + column) * weight.element_size()
        pads, strides = (2 - rows, 2 - columns), (channel, output, -row, -column)
        convolve(built, gradient, last_tap, strides, pads, dx)
    return dx


@_backward_data.register_fake
def _backward_data_fake(
    gradient: Tensor, weight: Tensor, rows: int, columns: int, height: int, width: int
) -> Tensor:
    return _empty(gradient.shape[0], weight.shape[1], height, width, gradient)


@torch.library.custom_op("striate::winograd_backward_weight", mutates_args=(), device_types="cpu")
def _backward_weight(
    gradient: Tensor, x: Tensor, weight: Tensor, rows: int, columns: int
) -> Tensor:
    _check_gradient(gradient, x, weight)
    built = build.found(library)
    if built is None:
        dw = _plain_gradients(gradient, x, weight, (rows, columns), "weight")
        return torch.empty_like(weight).copy_(dw)
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    x = x.contiguous(memory_format=torch.channels_last)
    dw = _backward_weight_fake(gradient, x, weight, rows, columns)
    if not gradient.numel():
        return dw.zero_()
    weight_gradient(built, x, gradient, (rows, columns), dw)
    return dw


@_backward_weight.register_fake
def _backward_weight_fake(
    gradient: Tensor, x: Tensor, weight: Tensor, rows: int, columns: int
) -> Tensor:
    return torch.empty_like(weight)


# ---- gradients


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, _, rows, columns, relu = inputs
    ctx.padding = (rows, columns)
    ctx.save_for_backward(x, weight, output if relu else None)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
    x, weight, y = ctx.saved_tensors
    need_x, need_weight, need_bias = ctx.needs_input_grad[:3]
    rows, columns = ctx.padding
    if y is not None:
        gradient = gradient * (y > 0)
    dx = dw = None
    if torch.is_grad_enabled():  # a gradient of this gradient is wanted
        if need_x:
            dx = _plain_gradients(gradient, x, weight, ctx.padding, "data")
        if need_weight:
            dw = _plain_gradients(gradient, x, weight, ctx.padding, "weight")
    else:
        if need_x:
            dx = _backward_data(gradient, weight, rows, columns, x.shape[2], x.shape[3])
        if need_weight:
            dw = _backward_weight(gradient, x, weight, rows, columns)
    db = gradient.sum((0, 2, 3)) if need_bias else None
    return dx, dw, db, None, None, None


_forward.register_autograd(_backward, setup_context=_remember)
