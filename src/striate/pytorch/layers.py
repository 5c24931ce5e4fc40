"""Modules that PyTorch has no class for.

Each class stands alone and needs nothing but torch: plain source (`striate.pytorch.source`)
copies the text of those it uses.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class PaddedConv1d(nn.Conv1d):
    """A convolution whose zero padding differs between the two ends."""

    def __init__(self, *arguments: Any, sides: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides))


class PaddedConv2d(nn.Conv2d):
    """A convolution whose zero padding differs between opposite sides.

    `sides` are left, right, top, bottom, as `torch.nn.functional.pad` counts them.
    """

    def __init__(self, *arguments: Any, sides: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides))


class PaddedMaxPool1d(nn.MaxPool1d):
    """Max-pooling whose padding differs between the ends or is wider than half the window."""

    def __init__(self, *arguments: Any, sides: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides, value=float("-inf")))


class PaddedMaxPool2d(nn.MaxPool2d):
    """Max-pooling whose padding differs between sides or is wider than half the window."""

    def __init__(self, *arguments: Any, sides: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sides = sides

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self.sides, value=float("-inf")))


class Probabilities(nn.Softmax):
    """Softmax at the exit of a network that is trained with the log-loss.

    In training mode the logarithms leave, computed without the probabilities: -log of a
    probability that was rounded to 0 would be infinite. They are what `nn.NLLLoss` takes.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return F.log_softmax(x, dim=self.dim)
        return F.softmax(x, dim=self.dim)


class ChannelsLast(nn.Module):
    """Pictures laid out with their channels innermost, as fast convolutions want them."""

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)
