"""Convolution, bias, activation and 2x2 pool as one step: the function and the module.

Where the compiled kernels cannot stand for it (another type or device, a transform of functorch,
no compiler), the same numbers come from PyTorch's own operators.

Source of the gradient's sparsity: behind max-pooling only the maximum of a window has a gradient
(LeCun, Bengio, Hinton, Deep learning, Nature 521, 2015, says so of any max); so backward to data
and to weights each need at most a quarter of a dense convolution's products.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from striate.errors import SettingError, ShapeError
from striate.fused import build
from striate.fused.choose import Question, fused_wins, question
from striate.fused.layer import (
    ACTIVATIONS,
    LARGEST_KERNEL,
    POOLS,
    Activation,
    Pool,
    constant_to_compilers,
    plain,
    plain_world,
)
from striate.fused.pool_operator import LIBRARIES, Direct, operator, run_forward

Padding = int | tuple[int, int]


def conv_pool(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    padding: Padding = 0,
    activation: Activation = "identity",
    pool: Pool = "max",
    channels_last: bool = True,
    measured: bool = False,
    winograd: bool = True,
) -> Tensor:
    """Cross-correlate with stride 1, add the bias, activate, and pool 2x2 with stride 2.

    `activation` before or after a max-pool is the same (it is monotone); before an average pool.
    Differentiable, and one operator to `torch.compile` and `torch.export`.

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
            new shapes measures; `striate.fused.choose.choices()` lists what was found). A compiler
            that traces the call gets the kernels unmeasured.
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
    settings = pads, ACTIVATIONS.index(activation), channels_last, winograd
    if (
        measured
        and not traced(x)
        and not _wins(question(x, weight, pads, activation, pool), settings)
    ):
        best = x.contiguous(memory_format=torch.channels_last)
        return plain(best, weight, bias, pads, activation, pool)
    return _run(pool, x, weight, bias, *settings)


def _wins(asked: Question, settings: tuple[tuple[int, int], int, bool, bool]) -> bool:
    pool: Pool = "max" if asked.pool == "max" else "avg"
    return fused_wins(
        asked,
        lambda x, w: _run(pool, x, w, None, *settings),
        lambda x, w: plain(x, w, None, asked.padding, asked.activation, pool),
    )


@constant_to_compilers
def available(pool: Pool) -> bool:
    """Whether the kernels for that pool are there, building them on the first question.

    Raises:
        Unavailable: they are not, and `STRIATE_FUSED=require`.
    """
    return build.found(LIBRARIES[pool]) is not None


def _run(
    pool: Pool,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    activation: int,
    last: bool,
    winograd: bool,
) -> Tensor:
    keep = torch.is_grad_enabled() and any(
        t is not None and t.requires_grad for t in (x, weight, bias)
    )
    given = (x, weight, bias, *padding, activation, last, pool, keep, winograd)
    if traced(x):
        return cast(Tensor, operator(*given)[0])
    if keep:
        return cast(Tensor, Direct.apply(*given))  # type: ignore[no-untyped-call]
    return run_forward(*given)[0]


def traced(x: Tensor) -> bool:
    """Whether somebody looks at the operators that run (a compiler, a mode, a tensor subclass)."""
    return (
        torch.compiler.is_compiling()
        or type(x) not in (Tensor, nn.Parameter)
        or torch._C._len_torch_dispatch_stack() > 0
    )


def supports(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether the kernels can stand for this; whether they are faster is another matter.

    >>> supports(torch.zeros(2, 1, 8, 8), torch.zeros(6, 1, 5, 5))
    True
    >>> supports(torch.zeros(2, 1, 8, 8).double(), torch.zeros(6, 1, 5, 5).double())
    False
    """
    return max(weight.shape[2:]) <= LARGEST_KERNEL and plain_world(x, weight, bias)


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


class ConvPool(nn.Module):
    """`conv`, an activation and a 2x2 pool as one step; its weights are `conv`'s own.

    Args:
        conv: stride 1, dilation 1, one group, zero padding; kept as it is under the name `conv`.
        activation, pool, channels_last, measured, winograd: as of `conv_pool`.

    Raises:
        SettingError: `conv` is of another kind.

    >>> module = ConvPool(nn.Conv2d(1, 6, 5, padding="same"), "relu", "max")
    >>> module(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 6, 14, 14])
    >>> list(module.state_dict())
    ['conv.weight', 'conv.bias']
    """

    def __init__(
        self,
        conv: nn.Conv2d,
        activation: Activation = "identity",
        pool: Pool = "max",
        channels_last: bool = True,
        measured: bool = False,
        winograd: bool = True,
    ) -> None:
        super().__init__()
        if (conv.stride, conv.dilation, conv.groups) != ((1, 1), (1, 1), 1):
            raise SettingError(
                f"{conv} cannot be fused", remedy="Give it stride 1, dilation 1 and one group."
            )
        self.conv = conv
        self.padding = _padding(conv)
        self.activation, self.pool = activation, pool
        self.channels_last, self.measured, self.winograd = channels_last, measured, winograd

    def forward(self, x: Tensor) -> Tensor:
        """See `conv_pool`."""
        conv = self.conv
        return conv_pool(
            x,
            conv.weight,
            conv.bias,
            self.padding,
            self.activation,
            self.pool,
            self.channels_last,
            self.measured,
            self.winograd,
        )

    def extra_repr(self) -> str:
        """The settings that are not `conv`'s."""
        return f"activation={self.activation}, pool={self.pool}"


def _padding(conv: nn.Conv2d) -> tuple[int, int]:
    rows, columns = conv.kernel_size
    even = conv.padding == "same" and not (rows % 2 and columns % 2)
    if conv.padding_mode != "zeros" or even:
        raise SettingError(
            f"{conv} cannot be fused", remedy="Pad by zeros, the same on opposite sides."
        )
    if conv.padding == "same":
        return rows // 2, columns // 2
    if isinstance(conv.padding, str):
        return 0, 0
    top, left = conv.padding
    return top, left
