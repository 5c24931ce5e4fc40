"""Layers that the fast engine puts between or in place of others; no operator has them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


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
