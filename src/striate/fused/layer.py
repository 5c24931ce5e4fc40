"""What every fused kernel is called with: a layer's shape, layouts, memory.

Memory layouts: a kernel reads and writes both of PyTorch's layouts, (batch, channels, height,
width) in that order and channels_last; `last` in a name says that a tensor is in the second.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from striate.fused import build

Activation = Literal["identity", "relu", "tanh", "sigmoid"]
Pool = Literal["max", "avg"]
ACTIVATIONS: tuple[Activation, ...] = ("identity", "relu", "tanh", "sigmoid")
POOLS: tuple[Pool, ...] = ("max", "avg")
LARGEST_KERNEL = 7


def constant_to_compilers(function: Callable[..., bool]) -> Callable[..., bool]:
    """`torch.compiler.assume_constant_result`, which would load the compiler: a second."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


class Shape(ctypes.Structure):
    """Mirrors `Shape` in csrc/layer.hpp, field by field."""

    _fields_ = [
        (name, ctypes.c_int32)
        for name in (
            "batch",
            "channels",
            "height",
            "width",
            "outputs",
            "kernel_h",
            "kernel_w",
            "pad_h",
            "pad_w",
            "activation",
            "threads",
            "x_last",
            "y_last",
        )
    ]


def pooled_size(x: Tensor, weight: Tensor, padding: tuple[int, int]) -> tuple[int, int, int, int]:
    """(batch, outputs, pooled height, pooled width); a last odd row or column is dropped."""
    height = x.shape[2] + 2 * padding[0] - weight.shape[2] + 1
    width = x.shape[3] + 2 * padding[1] - weight.shape[3] + 1
    return x.shape[0], weight.shape[0], height // 2, width // 2


def shape_numbers(
    x: Tensor, weight: Tensor, padding: tuple[int, int], activation: int, x_last: bool, y_last: bool
) -> tuple[int, ...]:
    """The fields of `Shape`, in their order."""
    outputs, _, kernel_h, kernel_w = weight.shape
    layout = (int(x_last), int(y_last))
    threads = torch.get_num_threads()
    return (*x.shape, outputs, kernel_h, kernel_w, *padding, activation, threads, *layout)


def shape_of(numbers: tuple[int, ...]) -> Any:
    """A `Shape` as a kernel takes it; worth keeping, a small network calls it often."""
    return ctypes.byref(Shape(*numbers))


def new_map(x: Tensor, size: tuple[int, ...], last: bool) -> Tensor:
    """An empty float32 map in the asked layout."""
    layout = torch.channels_last if last else torch.contiguous_format
    return torch.empty(size, dtype=x.dtype, device=x.device, memory_format=layout)


def in_layout(x: Tensor, last: bool) -> Tensor:
    """`x`, copied if it does not lie in that layout already."""
    return x.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def lies_last(x: Tensor) -> bool:
    """Whether `x` is better read as channels_last: it lies so, and not the other way too."""
    return not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def plain_world(*given: Tensor | None) -> bool:
    """Whether these are float32 maps on the CPU, none empty, outside autocast and functorch."""
    tensors = [t for t in given if t is not None]
    kinds = all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)
    whole = all(t.numel() > 0 for t in tensors)
    if build.mode() == "off" or not kinds or not whole or torch.is_autocast_enabled("cpu"):
        return False
    return torch.compiler.is_compiling() or torch._C._functorch.peek_interpreter_stack() is None


def pointer(x: Tensor | None) -> ctypes.c_void_p | None:
    """Where the elements of a tensor begin; null for None."""
    return None if x is None else ctypes.c_void_p(x.data_ptr())


class _Workspaces(threading.local):
    kept: Tensor | None = None


_workspaces = _Workspaces()
KEPT_FLOATS = 1 << 24


def workspace(floats: int) -> Tensor:
    """Memory for one call, kept for the same thread's next: fresh pages cost more than the work.

    Two threads never share one, so kernels are re-entrant. Above 64 MB nothing is kept.
    """
    kept = _workspaces.kept
    if kept is not None and kept.numel() >= floats:
        return kept
    fresh = torch.empty(floats, dtype=torch.float32)
    if floats <= KEPT_FLOATS:
        _workspaces.kept = fresh
    return fresh


def plain(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: tuple[int, int],
    activation: Activation,
    pool: Pool,
) -> Tensor:
    """The same by PyTorch's own operators: any type, any device.

    The activation follows a max-pool, where it costs a quarter: it is monotone, so they commute.
    """
    y = functional.conv2d(x, weight, bias, padding=padding)
    if pool == "max":
        return apply(functional.max_pool2d(y, 2), activation)
    return functional.avg_pool2d(apply(y, activation), 2)


def plain_gradients(
    y: Tensor, inputs: Sequence[Tensor | None], gradient: Tensor
) -> list[Tensor | None]:
    """The gradients of what `y` was computed from, themselves differentiable: for backward, where
    somebody wants the gradient of a gradient. None where none is wanted.
    """
    wanted = [t for t in inputs if t is not None and t.requires_grad]
    found = iter(torch.autograd.grad(y, wanted, gradient, create_graph=True) if wanted else ())
    return [next(found) if t is not None and t.requires_grad else None for t in inputs]


def apply(x: Tensor, activation: Activation) -> Tensor:
    """The activation of that name.

    >>> apply(torch.tensor([-1.0, 2.0]), "relu")
    tensor([0., 2.])
    """
    if activation == "relu":
        return torch.relu(x)
    if activation == "tanh":
        return torch.tanh(x)
    return torch.sigmoid(x) if activation == "sigmoid" else x


KINDS = ("max", "avg", "dense")


@dataclass(frozen=True)
class Layer:
    """One layer: a convolution with stride 1, activation and pool, or a dense layer.

    Args:
        kind: the convolution's pool, or dense.
        size: of what it reads: (channels, height, width), or (units,); a dense layer flattens.
        weight: (outputs, channels, rows, columns) or (outputs, units).
        bias: (outputs,).
        activation: before an average pool, behind anything else.
        padding: zeros (above and below, left and right).
    """

    kind: Literal["max", "avg", "dense"]
    size: tuple[int, ...]
    weight: Tensor
    bias: Tensor | None
    activation: Activation = "identity"
    padding: tuple[int, int] = (0, 0)

    @property
    def size_after(self) -> tuple[int, ...]:
        """The size of what it answers with."""
        outputs = self.weight.shape[0]
        if self.kind == "dense":
            return (outputs,)
        rows, columns = (
            (self.size[k + 1] + 2 * self.padding[k] - self.weight.shape[k + 2] + 1) // 2
            for k in (0, 1)
        )
        return outputs, rows, columns

    @property
    def fits(self) -> bool:
        """Whether the weights suit the size, and the kernels suit the weights."""
        if self.bias is not None and self.bias.shape != self.weight.shape[:1]:
            return False
        if self.kind == "dense":
            return self.weight.ndim == 2 and self.weight.shape[1] == torch.Size(self.size).numel()
        usual = self.weight.ndim == 4 and self.weight.shape[1] == self.size[0]
        return usual and max(self.weight.shape[2:]) <= LARGEST_KERNEL and min(self.size_after) > 0

    def plainly(self, x: Tensor) -> Tensor:
        """The same by PyTorch's own operators."""
        if self.kind == "dense":
            return apply(functional.linear(x.flatten(1), self.weight, self.bias), self.activation)
        return plain(x, self.weight, self.bias, self.padding, self.activation, self.kind)
