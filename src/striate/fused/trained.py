"""A chain of layers that trains, as one call forward and one back: `csrc/trained.cpp` for PyTorch.

Convolutions with activation and 2x2 pool, then dense layers with activation, each by its own
kernel. Nothing is asked of Python between the layers, which in a small network takes as long as
the layers do.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from striate.fused import avg_pool, build, dense, guard, max_pool
from striate.fused.layer import ACTIVATIONS, KINDS, LayerShape, Shape, plain_gradients, workspace
from striate.fused.pool_operator import LIBRARIES as POOL_LIBRARIES
from striate.fused.pool_operator import TILES_ARE_FASTER


class LinkFields(ctypes.Structure):
    """Mirrors `Link` in csrc/trained.cpp, field by field."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("shape", "forward", "backward")),
        *((name, ctypes.c_int64) for name in ("kind", "outputs", "answer", "kept")),
    ]


class ChainFields(ctypes.Structure):
    """Mirrors `Links` in csrc/trained.cpp, field by field."""

    _fields_ = [
        ("each", ctypes.POINTER(LinkFields)),
        *((name, ctypes.c_int64) for name in ("count", "batch", "threads", "widest", "outputs")),
    ]


class TensorsFields(ctypes.Structure):
    """Mirrors `Tensors` in csrc/trained.cpp, field by field."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("x", "weights", "memory", "y", "dx", "gradients", "workspace")
    ]


@cache
def library() -> ctypes.CDLL:
    """The compiled loop over the layers.

    Raises:
        Unavailable: it cannot be built here.
    """
    built = build.library("trained")
    pointer = ctypes.c_void_p
    built.trained_workspace.argtypes = [pointer]
    built.trained_workspace.restype = ctypes.c_int64
    built.trained_forward.argtypes = [pointer] * 2
    built.trained_forward.restype = None
    built.trained_backward.argtypes = [pointer] * 3
    built.trained_backward.restype = None
    built.trained_step.argtypes = [pointer] * 4
    built.trained_step.restype = ctypes.c_int32
    return built


class Compiled(NamedTuple):
    """Where a compiled function lies, and how many floats of workspace it wants."""

    address: int | None
    floats: int


def _kernel(library: ctypes.CDLL, name: str, shape: Any, *more: int) -> Compiled:
    run = ctypes.cast(getattr(library, f"{name}_run"), ctypes.c_void_p)
    return Compiled(run.value, getattr(library, f"{name}_workspace")(ctypes.byref(shape), *more))


LIBRARIES = {**POOL_LIBRARIES, "dense": dense.library}
KERNELS = {
    ("max", False): ("max_forward", "max_backward"),
    ("max", True): ("max_tiles", "max_backward"),
    ("avg", False): ("avg_forward", "avg_backward"),
    ("avg", True): ("avg_tiles", "avg_tiles_backward"),
    ("dense", False): ("dense_forward", "dense_backward"),
}
"""Forward and backward of a kind of layer, by tiles or without."""

LayerWeights = Sequence[Tensor | None]
"""Weight and bias of each layer, in order, contiguous; None where a layer has no bias."""


class TrainedLayers:
    """Layers behind each other, for one size of batch and the number of threads that there is now.

    Args:
        layers: convolutions, then dense layers; each reads what the one before answers with.
        batch: of every call.
        wants_dx: whether backward gives the gradient of `x` too.
        winograd: allow its tiles where they pay. See `striate.fused.conv_pool.conv_pool`.

    Raises:
        Unavailable: the kernels cannot be built here.
    """

    def __init__(
        self,
        layers: Sequence[LayerShape],
        batch: int,
        wants_dx: bool = False,
        winograd: bool = True,
    ) -> None:
        self.layers, self.batch, self.wants_dx = tuple(layers), batch, wants_dx
        self._winograd = winograd
        self._built, self.threads = library(), torch.get_num_threads()
        self._each = (LinkFields * len(layers))()
        self._shapes: list[Any] = []  # what the links point to
        self._memory = floats = 0
        for k, layer in enumerate(layers):
            kernels = self._link(self._each[k], layer, behind=layers[k + 1 : k + 2])
            floats = max(floats, *(kernel.floats for kernel in kernels))
        size = layers[-1].size_after
        layout = torch.channels_last if len(size) == 3 else torch.contiguous_format
        self._answer = partial(torch.empty, (batch, *size), memory_format=layout)
        self._links = ChainFields(
            self._each,
            len(layers),
            batch,
            self.threads,
            batch * max(_size(layer.size_after) for layer in layers),
            max(layer.weight[0] for layer in layers),
        )
        self._at = ctypes.addressof(self._links)
        self._workspace = floats + self._built.trained_workspace(self._at)

    def _link(self, link: Any, layer: LayerShape, behind: Sequence[LayerShape]) -> list[Compiled]:
        """Fill in one link, and give it its places in the memory."""
        last = all(each.kind != "dense" for each in behind)  # maps lie flat before a dense layer
        shape = self._shape(layer, last=last, first=not self._shapes)
        self._shapes.append(shape)
        faster = TILES_ARE_FASTER.get(layer.kind)
        tiles = self._winograd and faster is not None and faster(layer.weight)
        forward, backward = KERNELS[layer.kind, tiles]
        wants_dx = () if layer.kind == "dense" else (int(self.wants_dx or len(self._shapes) > 1),)
        built = LIBRARIES[layer.kind]()
        kernels = [_kernel(built, forward, shape), _kernel(built, backward, shape, *wants_dx)]
        kept = _kept(layer, self.batch)
        link.shape = ctypes.addressof(shape)
        link.forward, link.backward = (kernel.address for kernel in kernels)
        link.kind, link.outputs = KINDS.index(layer.kind), layer.weight[0]
        link.answer = self._take(self.batch * _size(layer.size_after) if behind else 0)
        link.kept = self._take(kept) if kept else -1
        return kernels

    def _shape(self, layer: LayerShape, *, last: bool, first: bool) -> Any:
        activation = ACTIVATIONS.index(layer.activation)
        if layer.kind == "dense":
            sizes = (self.batch, _size(layer.size), layer.weight[0])
            return dense.DenseShape(*sizes, activation, self.threads)
        maps = (self.batch, *layer.size, layer.weight[0], *layer.weight[2:])
        return Shape(*maps, *layer.padding, activation, self.threads, int(not first), int(last))

    def _take(self, floats: int) -> int:
        place = self._memory
        self._memory += -(-floats // 16) * 16
        return place

    def __call__(self, x: Tensor, weights: LayerWeights) -> Tensor:
        """The answer to `x` (batch, *size), contiguous, with gradients."""
        return cast(Tensor, TrainedFunction.apply(self, x, *weights))  # type: ignore[no-untyped-call]

    def memory(self) -> Tensor:
        """Room for what forward leaves for backward to read."""
        return torch.empty(self._memory)

    def forward(self, x: Tensor, weights: LayerWeights, memory: Tensor) -> Tensor:
        """The answer to `x` (batch, *size), contiguous; `memory` is written to."""
        y = self._answer()
        tensors, _alive = self._tensors(x, weights, memory, y)
        self._built.trained_forward(self._at, ctypes.addressof(tensors))
        return y

    def backward(
        self, gradient: Tensor, x: Tensor, weights: LayerWeights, memory: Tensor, y: Tensor
    ) -> tuple[Tensor | None, list[Tensor | None]]:
        """The gradients of `x`, where it is wanted, and of the weights, from that of the answer.

        Args:
            gradient: laid out as `y`.
            x, weights, memory, y: what forward was given, what it wrote and answered.
        """
        dx = torch.empty_like(x) if self.wants_dx else None
        found = [None if each is None else torch.empty_like(each) for each in weights]
        tensors, _alive = self._tensors(x, weights, memory, y, dx, found)
        self._built.trained_backward(self._at, ctypes.addressof(tensors), gradient.data_ptr())
        return dx, found

    def step(
        self,
        x: Tensor,
        labels: Tensor,
        weights: LayerWeights,
        memory: Tensor,
        gradients: LayerWeights,
    ) -> tuple[Tensor, Tensor] | None:
        """The scores, and the mean cross-entropy; `gradients` are written to.

        Args:
            labels: (batch,), class numbers, int64.
            gradients: as `weights`.

        Returns:
            None where a label is no class's; nothing is computed then.
        """
        y, loss = self._answer(), torch.empty(())
        tensors, _alive = self._tensors(x, weights, memory, y, None, gradients)
        done = self._built.trained_step(
            self._at, ctypes.addressof(tensors), labels.data_ptr(), loss.data_ptr()
        )
        return (y, loss) if done else None

    def _tensors(
        self,
        x: Tensor,
        weights: LayerWeights,
        memory: Tensor,
        y: Tensor,
        dx: Tensor | None = None,
        gradients: LayerWeights = (),
    ) -> tuple[TensorsFields, Any]:
        """What the loop is called with, and what has to live as long as that."""
        lists = [_pointers(weights), _pointers(gradients)]
        space = workspace(self._workspace)
        return TensorsFields(
            x.data_ptr(),
            ctypes.addressof(lists[0]),
            memory.data_ptr(),
            y.data_ptr(),
            None if dx is None else dx.data_ptr(),
            ctypes.addressof(lists[1]),
            space.data_ptr(),
        ), (lists, space)


def _pointers(tensors: LayerWeights) -> Any:
    pointers = [None if each is None else each.data_ptr() for each in tensors]
    return (ctypes.c_void_p * len(tensors))(*pointers)


def _size(sizes: Sequence[int]) -> int:
    return torch.Size(sizes).numel()


def _kept(layer: LayerShape, batch: int) -> int:
    """Floats that a convolution's backward reads beside the answer."""
    if layer.kind == "dense":
        return 0
    outputs, rows, columns = layer.size_after
    if layer.kind == "max":
        return -(-_size(max_pool.places_size((batch, outputs, rows, columns))) // 4)
    activation = ACTIVATIONS.index(layer.activation)
    return avg_pool.kept_size((batch, outputs, rows, columns), activation, keep=True)


class TrainedFunction(torch.autograd.Function):
    """A chain's answer, differentiable: given the chain, x, then weights as `LayerWeights`."""

    @staticmethod
    def forward(ctx: Any, chain: TrainedLayers, x: Tensor, *weights: Tensor | None) -> Tensor:
        memory = chain.memory()
        y = chain.forward(x, weights, memory)
        ctx.chain = chain
        ctx.save_for_backward(x, memory, y, *weights)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        chain: TrainedLayers = ctx.chain
        x, memory, y, *weights = ctx.saved_tensors
        if torch.is_grad_enabled() or not guard.allows(gradient, x, *weights):
            again = partial(plainly, chain.layers)
            return None, *plain_gradients(again, (x, *weights), gradient)
        layout = torch.channels_last if gradient.ndim == 4 else torch.contiguous_format
        gradient = gradient.contiguous(memory_format=layout)
        dx, found = chain.backward(gradient, x, weights, memory, y)
        return None, dx, *found


def plainly(layers: Sequence[LayerShape], x: Tensor, *weights: Tensor | None) -> Tensor:
    """The answer by PyTorch's own operators; weight and bias of each layer, in order."""
    for layer, weight, bias in zip(layers, weights[::2], weights[1::2], strict=True):
        x = layer.plainly(x, cast(Tensor, weight), bias)
    return x
