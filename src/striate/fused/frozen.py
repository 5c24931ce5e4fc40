"""A chain of layers that only predicts, as one call: `csrc/frozen.cpp` for PyTorch.

Convolutions with activation and 2x2 pool, then dense layers with activation. The weights are laid
out once, and nothing is asked of Python between the layers: a small network's prediction takes
less time than one call of a PyTorch operator for every layer.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from striate.fused import build
from striate.fused.layer import (
    ACTIVATIONS,
    KINDS,
    Bounded,
    LayerShape,
    Shape,
    contiguous,
    pointer,
    workspace,
)
from striate.fused.max_pool import tiles_are_faster


class StepFields(ctypes.Structure):
    """Mirrors `Step` in csrc/frozen_step.hpp, field by field."""

    _fields_ = [
        ("shape", Shape),
        ("pool", ctypes.c_int32),
        ("tiles", ctypes.c_int32),
        ("memory", ctypes.c_void_p),
    ]


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        Unavailable: they cannot be built here.
    """
    built = build.library("frozen")
    pointer, number = ctypes.c_void_p, ctypes.c_int32
    built.frozen_memory.argtypes = [pointer]
    built.frozen_memory.restype = ctypes.c_int64
    built.frozen_pack.argtypes = [pointer] * 3
    built.frozen_pack.restype = None
    built.frozen_workspace.argtypes = [pointer, number, number, number]
    built.frozen_workspace.restype = ctypes.c_int64
    built.frozen_run.argtypes = [pointer, number, number, number, pointer, pointer, pointer]
    built.frozen_run.restype = None
    return built


class FrozenLayers:
    """Layers behind each other, their weights packed for the kernels.

    Args:
        layers: convolutions, then dense layers; each reads what the one before answers with.
        weights: weight and bias of each layer, in order; None where a layer has no bias.
    """

    def __init__(self, layers: Sequence[LayerShape], weights: Sequence[Tensor | None]) -> None:
        self._built = library()
        self._count = len(layers)
        self._steps = (StepFields * len(layers))()
        self._kept: list[Tensor] = []  # the memory that the steps point to
        self._calls = Bounded(64)
        self._at = ctypes.addressof(self._steps)
        self.size, self.size_after = layers[0].size, layers[-1].size_after
        for k, layer in enumerate(layers):
            before = layers[k - 1] if k else None
            own = (None if each is None else each.detach() for each in weights[2 * k : 2 * k + 2])
            self._pack(self._steps[k], layer, before, *map(contiguous, own))

    def _pack(
        self, step: Any, layer: LayerShape, before: LayerShape | None, weight: Any, bias: Any
    ) -> None:
        follows = before is not None and before.kind != "dense"
        if layer.kind == "dense":
            if follows and before is not None:  # maps are written with channels innermost
                weight = _channels_last(weight, before.size_after)
            sizes = (weight.shape[1], 1, 1, weight.shape[0], 1, 1, 0, 0)
        else:
            sizes = (*layer.size, weight.shape[0], *weight.shape[2:], *layer.padding)
        numbers = (0, *sizes, ACTIVATIONS.index(layer.activation), 0, int(follows), 1)
        step.shape = Shape(*numbers)
        step.pool = KINDS.index(layer.kind)
        step.tiles = int(layer.kind == "max" and tiles_are_faster(weight.shape))
        memory = torch.zeros(self._built.frozen_memory(ctypes.byref(step)))
        self._kept.append(memory)
        step.memory = memory.data_ptr()
        self._built.frozen_pack(ctypes.byref(step), *map(pointer, (weight, bias)))

    def __call__(self, x: Tensor) -> Tensor:
        """The answer to (batch, *size): contiguous float32 on the CPU; the batch is not empty."""
        return self.prepared(len(x), torch.get_num_threads())(x)

    def prepared(self, batch: int, threads: int) -> Callable[[Tensor], Tensor]:
        """The same for one size of batch and so many threads, asked for often."""
        if (batch, threads) not in self._calls:
            floats = self._built.frozen_workspace(self._at, self._count, batch, threads)
            run = self._built.frozen_run
            given = self._at, self._count, batch, threads
            sizes = [kind(each) for kind, each in zip(run.argtypes, given, strict=False)]
            size, last = (batch, *self.size_after), torch.channels_last
            layout = last if len(size) == 4 else torch.contiguous_format
            like = torch.empty(size, memory_format=layout)  # never written to: takes no memory

            def call(x: Tensor) -> Tensor:
                y = torch.empty_like(like)
                run(*sizes, x.data_ptr(), y.data_ptr(), workspace(floats).data_ptr())
                return y

            self._calls[batch, threads] = call
        found: Callable[[Tensor], Tensor] = self._calls[batch, threads]
        return found


def _channels_last(weight: Tensor, size: tuple[int, ...]) -> Tensor:
    """Columns for (channel, row, column) in the order (row, column, channel)."""
    return weight.reshape(-1, *size).permute(0, 2, 3, 1).reshape(len(weight), -1).contiguous()
