"""What moves numbers, spreads them, or brings in some that are there without an input."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.errors import GraphError
from striate.graph import Operator, Spec
from striate.pytorch.modules.making import Maker, by_rank, dim, plain, short, sides, unless
from striate.pytorch.recipe import ModuleRecipe


class Reshape(nn.Module):
    """The same numbers with axes of these lengths, behind the batch."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.size)


class Permute(nn.Module):
    """The axes in another order, the batch being axis 0.

    With an axis of length 1 the numbers are laid out anew: PyTorch's batch normalization (2.13,
    2.14) reads strides that fit two layouts in one way forward and in the other backward, and its
    gradients are wrong.
    """

    def __init__(self, *order: int) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        turned = x.permute(self.order)
        return turned.contiguous() if 1 in x.shape[1:] else turned


class Slice(nn.Module):
    """A part of one axis."""

    def __init__(self, dim: int, start: int, stop: int | None, step: int = 1) -> None:
        super().__init__()
        self.dim, self.part = dim, slice(start, stop, step)

    def forward(self, x: Tensor) -> Tensor:
        return x[(slice(None),) * self.dim + (self.part,)]


class Flip(nn.Module):
    """One axis backwards."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.flip(self.dim)


class Roll(nn.Module):
    """One axis shifted, its end coming in at its start."""

    def __init__(self, shift: int, dim: int) -> None:
        super().__init__()
        self.shift, self.dim = shift, dim

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(self.shift, self.dim)


class Repeat(nn.Module):
    """The input laid end to end with itself along one axis."""

    def __init__(self, times: int, dim: int) -> None:
        super().__init__()
        self.times, self.dim = times, dim

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x] * self.times, dim=self.dim)


class Expand(nn.Module):
    """Axes of length 1 made longer."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.expand(x.shape[0], *self.size)


class Unfold(nn.Module):
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


class ResizeNearest(nn.Module):
    """The nearest cells of each axis, where `nn.Upsample` rounds their numbers otherwise.

    Args:
        cells: for each spatial axis the cell that each output copies.
    """

    def __init__(self, cells: list[list[int]]) -> None:
        super().__init__()
        self.rank = len(cells)
        for axis, numbers in enumerate(cells):
            self.register_buffer(f"cells{axis}", torch.tensor(numbers), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        for axis in range(self.rank):
            x = x.index_select(2 + axis, self.get_buffer(f"cells{axis}"))
        return x


class Learned(nn.Module):
    """A learned value, the same for every picture; called with anything that has their batch."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(x.shape[0], *self.value.shape)


class Constant(nn.Module):
    """A fixed value, the same for every picture; called with anything that has their batch."""

    value: Tensor

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        return self.value.expand(x.shape[0], *self.value.shape)


PADDINGS: Mapping[str, tuple[type[nn.Module], ...]] = {
    "reflect": (nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d),
    "replicate": (nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d),
    "circular": (nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d),
    "": (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d),
}
"""Modules for one, two and three padded axes."""


def _pad(pad: ops.Pad, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    pairs = [(w.before, w.after) for w in pad.windows(inputs[0])]
    if len(pairs) > 1 and pairs[0] == (0, 0):
        pairs = pairs[1:]
    if len(pairs) > 3:
        raise GraphError("PyTorch pads three axes at most", remedy="Pad fewer axes.")
    around = sides(pairs)
    if isinstance(pad.mode, str):
        return ModuleRecipe(PADDINGS[pad.mode][len(pairs) - 1], (around,))
    return ModuleRecipe(PADDINGS[""][len(pairs) - 1], (around, pad.mode))


def _unfold(unfold: ops.Unfold, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    axes = unfold.windows(x)
    taps = (tuple(getattr(w, n) for w in axes) for n in ("kernel", "stride", "dilation"))
    pairs = [(w.before, w.overhang(n)) for w, n in zip(axes, x.spatial, strict=True)]
    return ModuleRecipe(by_rank(x, Unfold, Unfold), (*taps, sides(pairs)))


def _slice(part: ops.Slice, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    steps = (part.step,) if part.step > 1 else ()
    return ModuleRecipe(Slice, (dim(part, inputs), part.start, part.stop, *steps))


def _resize(resize: ops.Resize, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    sizes = short(resize.shape(x).spatial)
    target = {"size": sizes} if resize.scale is None else {"scale_factor": resize.scale}
    if resize.mode == "nearest":
        cells = [[row[0][0] for row in axis] for axis in resize.axes(x)]
        if not all(map(partial(_rounds_alike, resize), x.spatial, cells)):
            return ModuleRecipe(ResizeNearest, (cells,))
    settings = unless(
        {"mode": "nearest", "align_corners": False},
        {"mode": resize.mode, "align_corners": resize.align_corners},
    )
    return ModuleRecipe(nn.Upsample, (), {**target, **settings})


def _rounds_alike(resize: ops.Resize, length: int, cells: list[int]) -> bool:
    """Whether PyTorch finds the same nearest cells of an axis in both float types.

    It computes their numbers in the type of the input: of 3 cells, number 82 of 123 copies number
    2 in float64 and number 1 in float32.
    """
    size = len(cells) if resize.scale is None else None
    for dtype in (torch.float32, torch.float64):
        line = torch.arange(length, dtype=dtype).reshape(1, 1, -1)
        if F.interpolate(line, size, resize.scale).flatten().tolist() != cells:
            return False
    return True


ROWS: Mapping[type[Operator], Maker] = {
    ops.Flatten: plain(nn.Flatten),
    ops.Reshape: lambda shape, inputs: ModuleRecipe(Reshape, shape.shape(*inputs).shape),
    ops.Permute: lambda turn, inputs: ModuleRecipe(Permute, (0, *(k + 1 for k in turn.order))),
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Flip: lambda flip, inputs: ModuleRecipe(Flip, (dim(flip, inputs),)),
    ops.Roll: lambda roll, inputs: ModuleRecipe(Roll, (roll.shift, dim(roll, inputs))),
    ops.Repeat: lambda each, inputs: ModuleRecipe(Repeat, (each.times, dim(each, inputs))),
    ops.Resize: _resize,
    ops.Expand: lambda expand, inputs: ModuleRecipe(Expand, expand.size),
    ops.Unfold: _unfold,
    ops.Learned: lambda learned, inputs: ModuleRecipe(Learned, learned.size),
    ops.Constant: lambda constant, inputs: ModuleRecipe(Constant, constant.size),
    ops.PixelShuffle: lambda op, inputs: ModuleRecipe(nn.PixelShuffle, (op.upscale_factor,)),
}
