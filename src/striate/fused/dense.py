"""A dense layer with its activation as one operator: `csrc/dense.cpp` for PyTorch.

    y = activation(x wᵀ + b)      dz = dy · activation'(y),  dx = dz w,  dw = dzᵀ x,  db = Σ dz

It gains where the matrix library leaves the processor's widest vectors unused; elsewhere PyTorch
is as fast, and a measurement says so.
"""

from __future__ import annotations

import ctypes
from functools import cache, partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from striate.errors import SettingError, ShapeError
from striate.fused import build, guard
from striate.fused.choose import layer_is_faster, layer_question
from striate.fused.layer import (
    ACTIVATIONS,
    Activation,
    LayerShape,
    apply,
    contiguous,
    is_available,
    plain_gradients,
    pointer,
    workspace,
)


class DenseShape(ctypes.Structure):
    """Mirrors `Dense` in csrc/dense.cpp, field by field."""

    _fields_ = [
        (name, ctypes.c_int32) for name in ("rows", "inputs", "outputs", "activation", "threads")
    ]


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("dense")
    built.dense_forward_workspace.restype = ctypes.c_int64
    built.dense_backward_workspace.restype = ctypes.c_int64
    return built


def available() -> bool:
    """Whether the kernels are there, building them on the first question.

    Raises:
        Unavailable: they are not, and `STRIATE_FUSED=require`.
    """
    return is_available(library)


def _shape(x: Tensor, weight: Tensor, activation: int) -> Any:
    outputs, inputs = weight.shape
    return ctypes.byref(
        DenseShape(x.shape[0], inputs, outputs, activation, torch.get_num_threads())
    )


def run_forward(x: Tensor, weight: Tensor, bias: Tensor | None, activation: int) -> Tensor:
    """The layer's answer."""
    x, weight, bias = x.contiguous(), weight.contiguous(), contiguous(bias)
    y = x.new_empty(x.shape[0], weight.shape[0])
    shape, built = _shape(x, weight, activation), library()
    memory = workspace(built.dense_forward_workspace(shape))
    built.dense_forward_run(shape, *map(pointer, (x, weight, bias, y, memory)))
    return y


def run_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, y: Tensor, activation: int, wants_dx: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of `x` (empty unless wanted), of `weight` and of the bias."""
    x, weight = x.contiguous(), weight.contiguous()
    gradient, y = gradient.contiguous(), y.contiguous()
    dx = torch.empty_like(x) if wants_dx else x.new_empty(0)
    dweight, dbias = torch.empty_like(weight), weight.new_empty(weight.shape[0])
    shape, built = _shape(x, weight, activation), library()
    memory = workspace(built.dense_backward_workspace(shape))
    given = (gradient, x, weight, y, dx if wants_dx else None, dweight, dbias, memory)
    built.dense_backward_run(shape, *map(pointer, given))
    return dx, dweight, dbias


class DenseFunction(torch.autograd.Function):
    """A dense layer and its activation, differentiable."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, activation: int
    ) -> Tensor:
        y = run_forward(x, weight, bias, activation)
        ctx.activation = activation
        ctx.save_for_backward(x, weight, bias, y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, y = ctx.saved_tensors
        if torch.is_grad_enabled() or not guard.allows(gradient, x, weight, bias, y):
            name = ACTIVATIONS[ctx.activation]
            return *plain_gradients(partial(plainly, name), (x, weight, bias), gradient), None
        wants_dx = ctx.needs_input_grad[0]
        dx, dweight, dbias = run_backward(gradient, x, weight, y, ctx.activation, wants_dx)
        return dx if wants_dx else None, dweight, None if bias is None else dbias, None


def plainly(activation: Activation, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same by PyTorch's own operators."""
    return apply(functional.linear(x, weight, bias), activation)


def dense(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: Activation = "identity",
    measured: bool = False,
) -> Tensor:
    """A dense layer and its activation: activation(x weightᵀ + bias).

    Args:
        x: (batch, inputs); other numbers of dimensions run in PyTorch.
        weight: (outputs, inputs).
        bias: (outputs,).
        activation: "identity", "relu", "tanh" or "sigmoid".
        measured: use the kernel only where it beats PyTorch here.

    Returns:
        (batch, outputs).

    Raises:
        ShapeError: the sizes do not fit.
        SettingError: an unknown activation.

    >>> dense(torch.ones(2, 3), torch.ones(1, 3), torch.tensor([-5.0]), "relu")
    tensor([[0.],
            [0.]])
    """
    if activation not in ACTIVATIONS:
        raise SettingError(
            f"dense knows no activation {activation!r}",
            remedy=f"Use one of {', '.join(ACTIVATIONS)}.",
        )
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[1:]:
        raise ShapeError(
            f"weights of {tuple(weight.shape)} do not fit inputs of {tuple(x.shape)}",
            remedy="Give (batch, inputs) and (outputs, inputs).",
        )
    fits = x.ndim == 2 and guard.allows(x, weight, bias) and available()
    if not fits or (measured and not _is_faster(x, weight, bias, activation)):
        return plainly(activation, x, weight, bias)
    return _run(activation, x, weight, bias)


def _run(activation: Activation, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    index = ACTIVATIONS.index(activation)
    if torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (x, weight, bias)
    ):
        return cast(Tensor, DenseFunction.apply(x, weight, bias, index))  # type: ignore[no-untyped-call]
    return run_forward(x, weight, bias, index)


def _is_faster(x: Tensor, weight: Tensor, bias: Tensor | None, activation: Activation) -> bool:
    sizes = tuple(x.shape[1:]), tuple(weight.shape)
    layer = LayerShape("dense", *sizes, bias is not None, activation)
    asked = layer_question("dense", layer, x, weight, bias, layout="contiguous")
    return layer_is_faster(asked, partial(_run, activation), partial(plainly, activation))
