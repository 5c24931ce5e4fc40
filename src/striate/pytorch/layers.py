"""Modules that PyTorch has no class for.

Each class stands alone and needs nothing but torch: plain source (`striate.pytorch.source`)
copies the text of those it uses.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class PaddedConv1d(nn.Conv1d):
    """A convolution whose zero padding differs between the two ends.

    `sides` are before and after, as `torch.nn.functional.pad` counts them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        sides: tuple[int, ...],
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides))


class PaddedConv2d(nn.Conv2d):
    """A convolution whose zero padding differs between opposite sides.

    `sides` are left, right, top and bottom, as `torch.nn.functional.pad` counts them.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        sides: tuple[int, ...],
        stride: int | tuple[int, int] = 1,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides))


class PaddedMaxPool1d(nn.MaxPool1d):
    """Max-pooling whose padding differs between the two ends or is wider than half the window."""

    def __init__(
        self,
        kernel_size: int,
        sides: tuple[int, ...],
        stride: int | None = None,
        dilation: int = 1,
    ) -> None:
        super().__init__(kernel_size, stride=stride, dilation=dilation)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides, value=float("-inf")))


class PaddedMaxPool2d(nn.MaxPool2d):
    """Max-pooling whose padding differs between opposite sides or is wider than half the window."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        sides: tuple[int, ...],
        stride: int | tuple[int, int] | None = None,
        dilation: int | tuple[int, int] = 1,
    ) -> None:
        super().__init__(kernel_size, stride=stride, dilation=dilation)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides, value=float("-inf")))


class SharedAvgPool1d(nn.AvgPool1d):
    """Average pooling with any padding, each window divided by its own number of cells."""

    cells: Tensor

    def __init__(
        self, kernel_size: int, sides: tuple[int, ...], cells: list[int], stride: int | None = None
    ) -> None:
        super().__init__(kernel_size, kernel_size if stride is None else stride)
        self.sides = sides
        self.taps = kernel_size
        self.register_buffer("cells", torch.tensor(cells).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides)) * self.taps / self.cells


class SharedAvgPool2d(nn.AvgPool2d):
    """Average pooling with any padding, each window divided by its own number of cells."""

    cells: Tensor

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        sides: tuple[int, ...],
        cells: list[list[int]],
        stride: int | tuple[int, int] | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, divisor_override=1)
        self.sides = sides
        self.register_buffer("cells", torch.tensor(cells).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides)) / self.cells


class Add(nn.Module):
    """The sum of branches."""

    def forward(self, first: Tensor, *more: Tensor) -> Tensor:
        for each in more:
            first = first + each
        return first


class Multiply(nn.Module):
    """The product of branches."""

    def forward(self, first: Tensor, *more: Tensor) -> Tensor:
        for each in more:
            first = first * each
        return first


class Concat(nn.Module):
    """Branches behind each other, channel-wise."""

    def forward(self, *branches: Tensor) -> Tensor:
        return torch.cat(branches, dim=1)


class Probabilities(nn.Softmax):
    """Softmax at the exit of a network that is trained with the log-loss.

    In training mode the logarithms leave, computed without the probabilities: -log of a
    probability that was rounded to 0 would be infinite. They are what `nn.NLLLoss` takes.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return F.log_softmax(x, dim=self.dim)
        return F.softmax(x, dim=self.dim)


class SlicedConv2d(nn.Conv2d):
    """A 1x1 convolution with a stride, as the unit-stride one of every stride-th cell.

    With few input channels laid out innermost, oneDNN's own strided 1x1 convolution returns wrong
    weight gradients or never ends on processors with AVX2 (its issue 6035).
    """

    def forward(self, x: Tensor) -> Tensor:
        seen = x[:, :, :: self.stride[0], :: self.stride[1]]
        return F.conv2d(seen, self.weight, self.bias, groups=self.groups)


class ChannelsLast(nn.Module):
    """Pictures laid out with their channels innermost, as a CPU's convolutions like them."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return x
        traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if not traced and x.shape[1] == 1 and x.is_contiguous():
            return x.squeeze(1).unsqueeze(-1).movedim(-1, 1)  # the same order: no copy
        return x.to(memory_format=torch.channels_last)


class ScaledTanh(nn.Module):
    """LeCun's hyperbolic tangent: amplitude · tanh(slope · x)."""

    def __init__(self, amplitude: float, slope: float) -> None:
        super().__init__()
        self.amplitude = amplitude
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        return self.amplitude * torch.tanh(self.slope * x)


class Sine(nn.Module):
    """The sine of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(x)


class Cosine(nn.Module):
    """The cosine of each number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cos(x)


class Divide(nn.Module):
    """The first branch divided by the second."""

    def forward(self, above: Tensor, below: Tensor) -> Tensor:
        return above / below


class ExactHardsigmoid(nn.Hardsigmoid):
    """The hard sigmoid; in float64 with a gradient of float64.

    PyTorch's own gradient on a CPU is 1/6 rounded to float32, whatever the type of the numbers.
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.relu6(x + 3) / 6 if x.dtype == torch.float64 else super().forward(x)


class TableConv(nn.Module):
    """A convolution that connects only some pairs of channels, one kernel a pair.

    Args:
        table: a row an output channel, a column an input channel, 1 where they are connected.
        kernel_size, stride, dilation: one number an axis, over one or two axes.
        sides: zeros around the input, as `torch.nn.functional.pad` counts them.
        bias: whether each output channel has one.
    """

    outputs: Tensor
    channels: Tensor
    bias: nn.Parameter | None

    def __init__(
        self,
        table: tuple[tuple[int, ...], ...],
        kernel_size: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        sides: tuple[int, ...],
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.dilation, self.sides = stride, dilation, sides
        outputs, channels = torch.tensor(table).nonzero(as_tuple=True)
        self.register_buffer("outputs", outputs, persistent=False)
        self.register_buffer("channels", channels, persistent=False)
        self.size = (len(table), len(table[0]))
        bound = (len(table) / len(outputs) / torch.tensor(kernel_size).prod().item()) ** 0.5
        self.weight = nn.Parameter(torch.empty(len(outputs), *kernel_size).uniform_(-bound, bound))
        start = torch.empty(len(table)).uniform_(-bound, bound) if bias else None
        self.register_parameter("bias", None if start is None else nn.Parameter(start))

    def forward(self, x: Tensor) -> Tensor:
        nothing = self.weight.new_zeros(*self.size, *self.weight.shape[1:])
        weight = nothing.index_put((self.outputs, self.channels), self.weight)
        x = F.pad(x, self.sides)
        if x.dim() == 3:
            return F.conv1d(x, weight, self.bias, self.stride, 0, self.dilation)
        return F.conv2d(x, weight, self.bias, self.stride, 0, self.dilation)


class Subsample(nn.Module):
    """The sum (or mean) of each window, times a coefficient, plus a bias, one of each a channel."""

    def __init__(
        self, channels: int, kernel_size: tuple[int, ...], stride: tuple[int, ...], mean: bool
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        cells = int(torch.tensor(kernel_size).prod().item())
        self.factor = 1 if mean else cells
        self.weight = nn.Parameter(torch.full((channels,), 1 / self.factor))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        pool = F.avg_pool1d if x.dim() == 3 else F.avg_pool2d
        pooled = pool(x, self.kernel_size, self.stride)
        each = (1, -1) + (1,) * (x.dim() - 2)
        return pooled * (self.factor * self.weight).view(each) + self.bias.view(each)


class RBF(nn.Module):
    """The squared distance from each of several bitmaps, drawn with # for +1 and . for -1."""

    codes: Tensor

    def __init__(self, bitmaps: tuple[str, ...]) -> None:
        super().__init__()
        codes = [[1.0 if cell == "#" else -1.0 for cell in bitmap] for bitmap in bitmaps]
        self.register_buffer("codes", torch.tensor(codes), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x[:, None] - self.codes).square().sum(dim=2)


class NoisyReLU(nn.Module):
    """A rectifier with Gaussian noise before it while training."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.sigma * torch.randn_like(x) if self.training else x)


class Maxout(nn.Module):
    """Of every few neighboring channels the largest number."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], -1, self.pieces, *x.shape[2:]).max(dim=2).values


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels at each place of a map."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class HistogramPool1d(nn.AvgPool1d):
    """The share of a window's numbers near each of several values; bins become channels."""

    def __init__(
        self, kernel_size: int, stride: int | None = None, *, bins: int, low: float, high: float
    ) -> None:
        super().__init__(kernel_size, stride or kernel_size)
        self.bins, self.low, self.high = bins, low, high

    def forward(self, x: Tensor) -> Tensor:
        width = (self.high - self.low) / (self.bins - 1)
        centers = self.low + width * torch.arange(self.bins, dtype=x.dtype, device=x.device)
        inside = x.clamp(self.low, self.high)[:, :, None]
        shares = F.relu(1 - (inside - centers.view(-1, 1)).abs() / width)
        return super().forward(shares.flatten(1, 2))


class HistogramPool2d(nn.AvgPool2d):
    """The share of a window's numbers near each of several values; bins become channels."""

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        *,
        bins: int,
        low: float,
        high: float,
    ) -> None:
        super().__init__(kernel_size, stride)
        self.bins, self.low, self.high = bins, low, high

    def forward(self, x: Tensor) -> Tensor:
        width = (self.high - self.low) / (self.bins - 1)
        centers = self.low + width * torch.arange(self.bins, dtype=x.dtype, device=x.device)
        inside = x.clamp(self.low, self.high)[:, :, None]
        shares = F.relu(1 - (inside - centers.view(-1, 1, 1)).abs() / width)
        return super().forward(shares.flatten(1, 2))
