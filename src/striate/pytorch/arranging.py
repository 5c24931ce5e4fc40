"""Modules that move numbers, spread them, or bring in some of their own, and their recipes.

As in `layers`, each class stands alone and needs nothing but torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate.errors import GraphError
from striate.graph import Operator, Spec
from striate.ops import (
    Affine,
    Concat,
    Constant,
    Expand,
    Flip,
    Learned,
    MatMul,
    Pad,
    Permute,
    Repeat,
    Reshape,
    Roll,
    Scale,
    Shift,
    Slice,
    Stack,
    Subtract,
    Unfold,
)
from striate.ops.normalization.spread_weight import spread_size
from striate.pytorch import layers
from striate.pytorch.recipe import Recipe


class ToShape(nn.Module):
    """The same numbers with axes of these lengths, behind the batch."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.size)


class Permuted(nn.Module):
    """The axes in another order, the batch being axis 0."""

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)


class Part(nn.Module):
    """A part of one axis."""

    def __init__(self, dim: int, start: int, stop: int | None, step: int = 1) -> None:
        super().__init__()
        self.dim, self.part = dim, slice(start, stop, step)

    def forward(self, x: Tensor) -> Tensor:
        return x[(slice(None),) * self.dim + (self.part,)]


class Flipped(nn.Module):
    """One axis backwards."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(self.dim)


class Rolled(nn.Module):
    """One axis shifted, its end coming in at its start."""

    def __init__(self, shift: int, dim: int) -> None:
        super().__init__()
        self.shift, self.dim = shift, dim

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(self.shift, self.dim)


class Repeated(nn.Module):
    """The input laid end to end with itself along one axis."""

    def __init__(self, times: int, dim: int) -> None:
        super().__init__()
        self.times, self.dim = times, dim

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x] * self.times, dim=self.dim)


class Expanded(nn.Module):
    """Axes of length 1 made longer."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.expand(x.shape[0], *self.size)


class Columns(nn.Module):
    """Every window as a column.

    Args:
        kernel_size, stride, dilation: one number per axis, over one or two axes.
        sides: zeros around the input, as `torch.nn.functional.pad` counts them.
    """

    def __init__(
        self,
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        sides: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.dilation = kernel_size, stride, dilation
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(x, self.sides)
        taps = (self.kernel_size, self.stride, self.dilation)
        if x.dim() == 4:
            kernel, stride, dilation = taps
            return F.unfold(x, kernel, dilation=dilation, stride=stride)
        kernel, stride, dilation = ((1, *each) for each in taps)
        return F.unfold(x.unsqueeze(2), kernel, dilation=dilation, stride=stride)


class Stacked(nn.Module):
    """The inputs side by side on a new first axis."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.stack(inputs, dim=1)


class ConcatAlong(nn.Module):
    """The inputs laid end to end along one axis."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(inputs, dim=self.dim)


class Value(nn.Module):
    """A learned value, the same for every picture; called with anything that has their batch."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(x.shape[0], *self.value.shape)


class FixedValue(nn.Module):
    """A fixed value, the same for every picture; called with anything that has their batch."""

    value: Tensor

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(x.shape[0], *self.value.shape)


class AffineNumbers(nn.Module):
    """Every number times one number, plus another."""

    def __init__(self, scale: float, shift: float) -> None:
        super().__init__()
        self.scale, self.shift = scale, shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


class LayerScale(nn.Module):
    """The input times a learned weight, spread over it."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class LayerShift(nn.Module):
    """The input plus a learned weight, spread over it."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight


class Difference(nn.Module):
    """The second input taken from the first."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left - right


class MatrixProduct(nn.Module):
    """The matrix product of two inputs."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return left @ right


Maker: TypeAlias = Callable[[Any, tuple[Spec, ...]], Recipe]

PADDINGS: Mapping[str, tuple[type[nn.Module], ...]] = {
    "reflect": (nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d),
    "replicate": (nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    "circular": (nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
    "": (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d),
}
"""Modules for one, two and three padded axes."""


def _pad(pad: Pad, inputs: tuple[Spec, ...]) -> Recipe:
    pairs = pad.pairs(inputs[0])
    while len(pairs) > 1 and pairs[0] == (0, 0):
        pairs = pairs[1:]
    if len(pairs) > 3:
        raise GraphError("PyTorch pads three axes at most", remedy="Pad fewer axes.")
    sides = tuple(n for pair in reversed(pairs) for n in pair)
    if isinstance(pad.mode, str):
        return Recipe(PADDINGS[pad.mode][len(pairs) - 1], (sides,))
    return Recipe(PADDINGS[""][len(pairs) - 1], (sides, pad.mode))


def _unfold(unfold: Unfold, inputs: tuple[Spec, ...]) -> Recipe:
    (x,) = inputs
    axes = unfold.windows(x)
    taps = (tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride", "dilation"))
    pairs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    return Recipe(Columns, (*taps, tuple(n for pair in reversed(pairs) for n in pair)))


def _concat(concat: Concat, inputs: tuple[Spec, ...]) -> Recipe:
    axis = inputs[0].axis(concat.axis)
    return Recipe(ConcatAlong, (axis + 1,)) if axis else Recipe(layers.Concat)


def _slice(part: Slice, inputs: tuple[Spec, ...]) -> Recipe:
    steps = (part.step,) if part.step > 1 else ()
    return Recipe(Part, (inputs[0].axis(part.axis) + 1, part.start, part.stop, *steps))


ROWS: Mapping[type[Operator], Maker] = {
    Reshape: lambda shape, inputs: Recipe(ToShape, shape.size),
    Permute: lambda turn, inputs: Recipe(Permuted, (0, *(k + 1 for k in turn.order))),
    Slice: _slice,
    Pad: _pad,
    Flip: lambda flip, inputs: Recipe(Flipped, (inputs[0].axis(flip.axis) + 1,)),
    Roll: lambda roll, inputs: Recipe(Rolled, (roll.shift, inputs[0].axis(roll.axis) + 1)),
    Repeat: lambda each, inputs: Recipe(Repeated, (each.times, inputs[0].axis(each.axis) + 1)),
    Expand: lambda expand, inputs: Recipe(Expanded, expand.size),
    Unfold: _unfold,
    Concat: _concat,
    Stack: lambda stack, inputs: Recipe(Stacked),
    Learned: lambda learned, inputs: Recipe(Value, learned.size),
    Constant: lambda constant, inputs: Recipe(FixedValue, constant.size),
    Affine: lambda affine, inputs: Recipe(AffineNumbers, (affine.scale, affine.shift)),
    Scale: lambda scale, inputs: Recipe(LayerScale, spread_size(scale.size, inputs[0])),
    Shift: lambda shift, inputs: Recipe(LayerShift, spread_size(shift.size, inputs[0])),
    Subtract: lambda minus, inputs: Recipe(Difference),
    MatMul: lambda product, inputs: Recipe(MatrixProduct),
}
"""Operators that arrange, and those of arithmetic that read no kernel."""
