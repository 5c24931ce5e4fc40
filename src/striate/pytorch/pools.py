"""Pooling modules that PyTorch has no class for, or none that trains safely.

As in `layers`, each class stands alone and needs nothing but torch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class L2Pool(nn.Module):
    """The Euclidean norm of each window.

    `torch.nn.LPPool2d` has no padding, and its gradient is not a number where a window is zero.

    Args:
        kernel_size, stride: one number an axis, over one or two axes.
        sides: zeros around the input, as `torch.nn.functional.pad` counts them.
    """

    def __init__(
        self, kernel_size: tuple[int, ...], stride: tuple[int, ...], sides: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.sides = kernel_size, stride, sides
        self.cells = int(torch.tensor(kernel_size).prod().item())

    def forward(self, x: Tensor) -> Tensor:
        squares = F.pad(x, self.sides).square()
        if x.dim() == 3:
            total = F.avg_pool1d(squares, self.kernel_size, self.stride) * self.cells
        else:
            total = F.avg_pool2d(squares, self.kernel_size, self.stride) * self.cells
        something = total > 0
        return torch.where(something, total, torch.ones_like(total)).sqrt() * something


class StochasticPool(nn.Module):
    """While training one cell of each window, drawn by its strength; else the mean of the draw.

    Args:
        kernel_size, stride: one number an axis.
    """

    def __init__(self, kernel_size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        cells = self.cells(x)
        total = cells.sum(dim=-1)
        if self.training:
            return self.drawn(cells, torch.rand_like(total))
        return cells.square().sum(dim=-1) / torch.where(total > 0, total, 1.0)

    def cells(self, x: Tensor) -> Tensor:
        """The positive parts of every window, on a last axis of their own."""
        cells = F.relu(x)
        for axis, (size, step) in enumerate(zip(self.kernel_size, self.stride, strict=True)):
            cells = cells.unfold(2 + axis, size, step)
        return cells.flatten(-len(self.kernel_size))

    def drawn(self, cells: Tensor, share: Tensor) -> Tensor:
        """The cell of each window in whose part of the total `share` (from 0 to 1) falls."""
        strength = cells.detach()
        passed = strength.cumsum(dim=-1) <= (share * strength.sum(dim=-1)).unsqueeze(-1)
        drawn = passed.sum(dim=-1, keepdim=True).clamp(max=cells.shape[-1] - 1)
        return cells.gather(-1, drawn).squeeze(-1)
