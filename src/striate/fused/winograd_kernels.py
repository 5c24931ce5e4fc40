"""The compiled code of `csrc/winograd.cpp`, asked with tensors: float32 maps in channels_last."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from striate.fused import build


def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here, or are off.
    """
    return _bind(build.library("winograd"))


@cache
def _bind(built: ctypes.CDLL) -> ctypes.CDLL:
    pointer, number = ctypes.c_void_p, ctypes.c_int
    built.winograd_forward.argtypes = [pointer] * 6 + [number]
    built.winograd_backward_weight.argtypes = [pointer] * 4 + [number]
    built.winograd_release.restype = None
    built.winograd_laid_out_floats.argtypes = [pointer]
    built.winograd_laid_out_floats.restype = ctypes.c_int64
    built.winograd_lay_out.argtypes = [pointer] * 3
    built.winograd_lay_out.restype = None
    return built


def convolve(
    built: ctypes.CDLL,
    x: Tensor,
    taps: int,
    strides: tuple[int, ...],
    padding: tuple[int, int],
    y: Tensor,
    bias: Tensor | None = None,
    add: Tensor | None = None,
    relu: bool = False,
) -> None:
    """Write the convolution of `x`, plus `bias` and the map `add`, to `y`.

    Args:
        built: the library.
        taps: where the first tap of the kernels lies.
        strides: from one to the next: output, channel, row, column. All 0: laid out by `LaidOut`.
        padding: above and left of the map; less than 0 crops it.
    """
    sizes = _sizes(x.shape, y.shape, padding, strides, relu)
    given = (_address(x), taps, _address(bias), _address(add), _address(y))
    _succeed(built.winograd_forward(sizes, *given, torch.get_num_threads()))


def weight_gradient(
    built: ctypes.CDLL, x: Tensor, gradient: Tensor, padding: tuple[int, int], dw: Tensor
) -> None:
    """Write the gradient of the kernels to `dw`, which may lie in any order."""
    sizes = _sizes(x.shape, gradient.shape, padding, dw.stride(), False)
    given = (_address(x), _address(gradient), _address(dw))
    _succeed(built.winograd_backward_weight(sizes, *given, torch.get_num_threads()))


class LaidOut:
    """Kernels for many convolutions, copied in the order in which the compiled code reads them.

    Large ones are else gathered from all over the memory in every call.

    Args:
        weight: (outputs, channels, 3, 3), float32 on the CPU.

    Raises:
        Unavailable: there is no compiled code.
    """

    def __init__(self, weight: Tensor) -> None:
        self._built = library()
        outputs, channels = weight.shape[:2]
        maps, out = torch.Size((1, channels, 3, 3)), torch.Size((1, outputs, 1, 1))
        sizes = _sizes(maps, out, (0, 0), weight.stride(), False)
        self._taps = torch.empty(self._built.winograd_laid_out_floats(sizes))
        self._built.winograd_lay_out(sizes, weight.data_ptr(), self._taps.data_ptr())

    def run(
        self,
        x: Tensor,
        bias: Tensor | None,
        add: Tensor | None,
        y: Tensor,
        padding: tuple[int, int],
        relu: bool,
    ) -> None:
        """Write the convolution of `x` plus `add` to `y`; all maps are channels_last."""
        taps = self._taps.data_ptr()
        convolve(self._built, x, taps, (0, 0, 0, 0), padding, y, bias, add, relu)


def release_workspaces() -> None:
    """Give the memory kept between calls back to the system (a few tens of megabytes).

    >>> release_workspaces()
    """
    if built := build.found(library):
        built.winograd_release()


def _sizes(
    maps: torch.Size, out: torch.Size, pads: tuple[int, int], strides: tuple[int, ...], relu: bool
) -> ctypes.Array[ctypes.c_int64]:
    """The `Sizes` of csrc/winograd_layout.hpp."""
    batch, channels, height, width = maps
    values = (batch, height, width, channels, *out[2:], out[1], *pads, *strides, relu)
    return (ctypes.c_int64 * len(values))(*values)


def _address(x: Tensor | None) -> int | None:
    return None if x is None else x.data_ptr()


def _succeed(status: int) -> None:
    if status:
        raise MemoryError("no memory for the workspace of a Winograd convolution")
