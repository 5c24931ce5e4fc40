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
Padding2d = int | tuple[int, int]
Pool = Literal["max", "avg"]
ACTIVATIONS: tuple[Activation, ...] = ("identity", "relu", "tanh", "sigmoid")
POOLS: tuple[Pool, ...] = ("max", "avg")
LARGEST_KERNEL = 7


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


def contiguous(x: Tensor | None) -> Tensor | None:
    """The same in row-major order."""
    return None if x is None else x.contiguous()


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
    function: Callable[..., Tensor], inputs: Sequence[Tensor | None], gradient: Tensor
) -> list[Tensor | None]:
    """The gradients of the inputs by PyTorch's own operators; None where none is wanted.

    For a kernel's backward where the kernel cannot run: somebody wants the gradient of this
    gradient, or it is of a kind that compiled code must not read.
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        given = list(inputs) if again else [_leaf(each) for each in inputs]
        wanted = [t for t in given if t is not None and t.requires_grad]
        y = function(*given)
        found = iter(torch.autograd.grad(y, wanted, gradient, create_graph=again) if wanted else ())
    return [next(found) if t is not None and t.requires_grad else None for t in given]


def _leaf(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.detach().requires_grad_(x.requires_grad)


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
"""Layers that a chain may have, as csrc/trained.cpp and csrc/frozen_step.hpp number them."""

LayerKind = Literal["max", "avg", "dense", "conv", "batch norm"]


@dataclass(frozen=True)
class LayerShape:
    """What a kernel needs to know of a layer beside the numbers.

    Args:
        kind: of a convolution with stride 1, activation and 2x2 pool, the pool; else its name.
        size: of what it reads, per picture: (channels, height, width) or (units,).
        weight: (outputs, channels, rows, columns), (outputs, units) or (channels,).
        bias: whether there is one.
        activation: before an average pool, behind anything else.
        padding: zeros (above and below, left and right).
        stride: (rows, columns).
        adds: whether another map is added before the activation.
    """

    kind: LayerKind
    size: tuple[int, ...]
    weight: tuple[int, ...]
    bias: bool = True
    activation: Activation = "identity"
    padding: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    adds: bool = False

    @property
    def size_after(self) -> tuple[int, ...]:
        """The size of what it answers with."""
        if self.kind == "batch norm":
            return self.size
        if self.kind == "dense":
            return (self.weight[0],)
        rows, columns = (
            (self.size[k + 1] + 2 * self.padding[k] - self.weight[k + 2]) // self.stride[k] + 1
            for k in (0, 1)
        )
        pool = 2 if self.kind in POOLS else 1
        return self.weight[0], rows // pool, columns // pool

    @property
    def fits(self) -> bool:
        """Whether the weights suit the size, and the kernels suit the weights."""
        if self.kind == "dense":
            return len(self.weight) == 2 and self.weight[1] == torch.Size(self.size).numel()
        usual = len(self.weight) == 4 and self.weight[1] == self.size[0]
        return usual and max(self.weight[2:]) <= LARGEST_KERNEL and min(self.size_after) > 0

    def plainly(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The same by PyTorch's own operators, for a layer of a chain."""
        if self.kind == "dense":
            return apply(functional.linear(x.flatten(1), weight, bias), self.activation)
        pool: Pool = "max" if self.kind == "max" else "avg"
        return plain(x, weight, bias, self.padding, self.activation, pool)


def is_available(library: Callable[[], ctypes.CDLL]) -> bool:
    """Whether compiled kernels are there and wanted, building them on the first question.

    Raises:
        Unavailable: they are not there, and `STRIATE_FUSED=require`.
    """
    return build.mode() != "off" and build.found(library) is not None


class Bounded(dict[Any, Any]):
    """A dictionary that forgets its oldest entry where it would have more than `most`."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Any, value: Any) -> None:
        if key not in self and len(self) >= self._most:
            del self[next(iter(self))]
        super().__setitem__(key, value)


def rounded_up(batch: int) -> int:
    """The power of two that a batch is measured as.

    >>> rounded_up(1), rounded_up(33)
    (1, 64)
    """
    return 1 << (batch - 1).bit_length()


def timing_input(size: tuple[int, ...]) -> Tensor:
    """A fixed standard normal input for timing; maps lie in channels_last memory."""
    x = torch.randn(size, generator=torch.Generator().manual_seed(0))
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
