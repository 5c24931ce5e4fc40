"""A dense layer with its activation as one operator: `csrc/dense.cpp` for PyTorch.

    y = activation(x wᵀ + b)      dz = dy · activation'(y),  dx = dz w,  dw = dzᵀ x,  db = Σ dz

It gains where the matrix library leaves the processor's widest vectors unused; elsewhere PyTorch
is as fast, and a measurement says so.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from striate.errors import SettingError, ShapeError
from striate.fused import build
from striate.fused.choose import fused_wins, question
from striate.fused.layer import (
    ACTIVATIONS,
    Activation,
    apply,
    constant_to_compilers,
    plain_gradients,
    plain_world,
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


@constant_to_compilers
def available() -> bool:
    """Whether the kernels are there, building them on the first question.

    Raises:
        Unavailable: they are not, and `STRIATE_FUSED=require`.
    """
    return build.found(library) is not None


def _shape(x: Tensor, weight: Tensor, activation: int) -> Any:
    outputs, inputs = weight.shape
    return ctypes.byref(
        DenseShape(x.shape[0], inputs, outputs, activation, torch.get_num_threads())
    )


def run_forward(x: Tensor, weight: Tensor, bias: Tensor | None, activation: int) -> Tensor:
    """The layer's answer."""
    x, weight = x.contiguous(), weight.contiguous()
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


operator = torch.library.custom_op("striate::dense", run_forward, mutates_args=())
backward_operator = torch.library.custom_op(
    "striate::dense_backward", run_backward, mutates_args=()
)


@operator.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None, activation: int) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


@backward_operator.register_fake
def _(
    gradient: Tensor, x: Tensor, weight: Tensor, y: Tensor, activation: int, wants_dx: bool
) -> tuple[Tensor, Tensor, Tensor]:
    dx = x.new_empty(x.shape if wants_dx else (0,))
    return dx, weight.new_empty(weight.shape), weight.new_empty(weight.shape[0])


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, bias, ctx.activation = inputs
    ctx.save_for_backward(x, weight, bias, output)


def _gradients(
    ctx: Any, gradient: Tensor, backward: Callable[..., tuple[Tensor, Tensor, Tensor]]
) -> tuple[Tensor | None, ...]:
    """What autograd wants: a gradient for each of the operator's four arguments."""
    x, weight, bias, y = ctx.saved_tensors
    wants_dx = ctx.needs_input_grad[0]
    dx, dweight, dbias = backward(gradient, x, weight, y, ctx.activation, wants_dx)
    return dx if wants_dx else None, dweight, None if bias is None else dbias, None


operator.register_autograd(
    lambda ctx, gradient: _gradients(ctx, gradient, backward_operator), setup_context=_remember
)


class Direct(torch.autograd.Function):
    """The same without the dispatcher's round trip."""

    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        y = run_forward(*given)
        _remember(ctx, given, y)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if not torch.is_grad_enabled():
            return _gradients(ctx, gradient, run_backward)
        # somebody wants the gradient of this gradient
        inputs = ctx.saved_tensors[:3]
        y = apply(functional.linear(*inputs), ACTIVATIONS[ctx.activation])
        return *plain_gradients(y, inputs, gradient), None


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
    index = ACTIVATIONS.index(activation)
    if x.ndim != 2 or not plain_world(x, weight, bias) or not available():
        return apply(functional.linear(x, weight, bias), activation)
    if torch.compiler.is_compiling():
        return cast(Tensor, operator(x, weight, bias, index))
    if measured and not _wins(x, weight, activation):
        return apply(functional.linear(x, weight, bias), activation)
    return _now(x, weight, bias, index)


def _now(x: Tensor, weight: Tensor, bias: Tensor | None, activation: int) -> Tensor:
    given = [t for t in (x, weight, bias) if t is not None]
    if type(x) is not Tensor or torch._C._len_torch_dispatch_stack() > 0:
        return cast(Tensor, operator(x, weight, bias, activation))
    if torch.is_grad_enabled() and any(t.requires_grad for t in given):
        return cast(Tensor, Direct.apply(x, weight, bias, activation))  # type: ignore[no-untyped-call]
    return run_forward(x, weight, bias, activation)


def _wins(x: Tensor, weight: Tensor, activation: Activation) -> bool:
    index = ACTIVATIONS.index(activation)
    return fused_wins(
        question(x, weight, (0, 0), activation, "none"),
        lambda a, b: _now(a, b, None, index),
        lambda a, b: apply(functional.linear(a, b), activation),
    )


class Dense(nn.Module):
    """`linear` and an activation as one step; its weights are `linear`'s own.

    >>> module = Dense(nn.Linear(3, 5), "tanh")
    >>> module(torch.zeros(2, 3)).shape
    torch.Size([2, 5])
    >>> list(module.state_dict())
    ['linear.weight', 'linear.bias']
    """

    def __init__(
        self, linear: nn.Linear, activation: Activation = "identity", measured: bool = False
    ) -> None:
        super().__init__()
        self.linear = linear
        self.activation, self.measured = activation, measured

    def forward(self, x: Tensor) -> Tensor:
        """See `dense`."""
        linear = self.linear
        return dense(x, linear.weight, linear.bias, self.activation, self.measured)

    def extra_repr(self) -> str:
        """The setting that is not `linear`'s."""
        return f"activation={self.activation}"
