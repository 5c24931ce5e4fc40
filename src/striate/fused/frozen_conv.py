"""A convolution that only predicts, with what follows it: direct, or by Winograd's tiles.

    y = relu(x ∗ w + b + another map)

The weights are laid out once, in the order in which a kernel reads them. PyTorch does so in every
call, which takes longer than the convolution where a picture or two meet many weights.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from striate.fused import build, guard, winograd
from striate.fused.choose import Kernel, Question, is_faster
from striate.fused.layer import Activation, Bounded, LayerShape, rounded_up, timing_input, workspace
from striate.fused.winograd_kernels import LaidOut

Way: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]


class ConvShape(ctypes.Structure):
    """Mirrors `Conv` in csrc/frozen_conv.cpp, field by field."""

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
            "stride_h",
            "stride_w",
            "pad_h",
            "pad_w",
            "relu",
            "threads",
        )
    ]


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("frozen_conv")
    pointer = ctypes.c_void_p
    for name in ("conv_memory", "conv_workspace"):
        getattr(built, name).argtypes = [pointer]
        getattr(built, name).restype = ctypes.c_int64
    built.conv_pack.argtypes = [pointer] * 4
    built.conv_run.argtypes = [pointer] * 6
    built.conv_pack.restype = built.conv_run.restype = None
    return built


class FrozenConv:
    """A convolution with zero padding, one group, no dilation, and what follows it.

    Args:
        weight: (outputs, channels, rows, columns).
        bias: (outputs,).
        stride, padding: (rows, columns).
        relu: whether ReLU comes last.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
        relu: bool,
    ) -> None:
        self._weight = weight.detach().contiguous()
        self._bias = None if bias is None else bias.detach().contiguous()
        self._stride, self._padding, self._relu = stride, padding, relu
        self._ways, self._calls = Bounded(64), Bounded(64)

    def __call__(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """The map of (batch, channels, height, width) in float32 on the CPU, channels_last.

        Args:
            add: a map shaped as the answer, added before ReLU.
        """
        if not guard.allows(x, add):
            return self.plainly(x, add)
        x = x.contiguous(memory_format=torch.channels_last)
        if add is not None:
            add = add.contiguous(memory_format=torch.channels_last)
        asked = (*x.shape, torch.get_num_threads(), add is not None)
        if asked not in self._ways:
            self._ways[asked] = self._way(x, add)
        way: Way = self._ways[asked]
        return way(x, add)

    def plainly(self, x: Tensor, add: Tensor | None) -> Tensor:
        """The same by PyTorch's own operators."""
        y = functional.conv2d(x, self._weight, self._bias, self._stride, self._padding)
        y = y if add is None else y + add
        return functional.relu(y, inplace=True) if self._relu else y

    def size_after(self, x: torch.Size) -> tuple[int, int, int, int]:
        """The answer's size for maps of this size."""
        rows, columns = (
            (x[k + 2] + 2 * self._padding[k] - self._weight.shape[k + 2]) // self._stride[k] + 1
            for k in (0, 1)
        )
        return x[0], self._weight.shape[0], rows, columns

    def _way(self, x: Tensor, add: Tensor | None) -> Way:
        """The fastest way for this size, asked for a batch rounded up to a power of two."""
        size = torch.Size((rounded_up(len(x)), *x.shape[1:]))
        if min(self.size_after(size)) < 1:
            return self.plainly  # which says what is wrong
        given = cache(
            lambda: (
                timing_input(size),
                None if add is None else timing_input(self.size_after(size)),
            )
        )

        def chosen(kernel: Kernel, first: Way, second: Way) -> bool:
            asked = self._question(kernel, size, adds=add is not None)
            return is_faster(asked, lambda: first(*given()), lambda: second(*given()))

        best = self.direct
        if self.fits_tiles and chosen("frozen convolution, tiled", self.tiled, best):
            best = self.tiled
        return best if chosen("frozen convolution", best, self.plainly) else self.plainly

    @property
    def fits_tiles(self) -> bool:
        """Whether Winograd's tiles can stand for it, and may pay."""
        outputs, channels, *kernel = self._weight.shape
        usual = kernel == [3, 3] and self._stride == (1, 1)
        return usual and min(outputs, channels) >= winograd.FEWEST_CHANNELS and winograd.available()

    def direct(self, x: Tensor, add: Tensor | None) -> Tensor:
        """The same by the direct kernel."""
        shape, floats, size = self._direct_call(x.shape, torch.get_num_threads())
        y = _empty(size)
        library().conv_run(
            shape,
            x.data_ptr(),
            self._packed.data_ptr(),
            None if add is None else add.data_ptr(),
            y.data_ptr(),
            workspace(floats).data_ptr() if floats else None,
        )
        return y

    def _direct_call(self, x: torch.Size, threads: int) -> tuple[Any, int, tuple[int, ...]]:
        if (x, threads) not in self._calls:
            outputs, _, *kernel = self._weight.shape
            sizes = (*x, outputs, *kernel, *self._stride, *self._padding, self._relu, threads)
            shape = ctypes.byref(ConvShape(*sizes))
            floats = library().conv_workspace(shape)
            self._calls[x, threads] = (shape, floats, self.size_after(x))
        found: tuple[Any, int, tuple[int, ...]] = self._calls[x, threads]
        return found

    @cached_property
    def _packed(self) -> Tensor:
        outputs, channels, *kernel = self._weight.shape
        sizes = (1, channels, *kernel, outputs, *kernel, 1, 1, 0, 0, 0, 1)
        shape = ctypes.byref(ConvShape(*sizes))
        packed = torch.empty(library().conv_memory(shape))
        bias = None if self._bias is None else self._bias.data_ptr()
        library().conv_pack(shape, self._weight.data_ptr(), bias, packed.data_ptr())
        return packed

    def tiled(self, x: Tensor, add: Tensor | None) -> Tensor:
        """The same by Winograd's tiles: kernels of 3x3, stride 1; the bound is `conv3x3`'s."""
        y = _empty(self.size_after(x.shape))
        self._tiles.run(x, self._bias, add, y, self._padding, self._relu)
        return y

    @cached_property
    def _tiles(self) -> LaidOut:
        return LaidOut(self._weight)

    def _question(self, kernel: Kernel, size: torch.Size, *, adds: bool) -> Question:
        activation: Activation = "relu" if self._relu else "identity"
        sizes, bias = (tuple(size[1:]), tuple(self._weight.shape)), self._bias is not None
        taps = self._padding, self._stride
        layer = LayerShape("conv", *sizes, bias, activation, *taps, adds)
        return Question(kernel, (layer,), size[0], "forward", torch.get_num_threads())


def _empty(size: tuple[int, ...]) -> Tensor:
    return torch.empty(size, memory_format=torch.channels_last)
