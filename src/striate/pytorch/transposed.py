"""Transposed convolutions whose output is cut by different amounts at opposite sides.

As in `layers`, each class stands alone and needs nothing but torch.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class CutConvTranspose1d(nn.ConvTranspose1d):
    """A transposed convolution, its output cut or extended at the two ends by `sides`."""

    def __init__(self, *arguments: Any, sides: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sides = sides

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        whole = F.conv_transpose1d(
            x, self.weight, None, self.stride, 0, 0, self.groups, self.dilation
        )
        y = F.pad(whole, self.sides)
        return y if self.bias is None else y + self.bias[:, None]


class CutConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution, its output cut or extended at the four sides by `sides`.

    They are left, right, top, bottom, as `torch.nn.functional.pad` counts them: below 0 to cut.
    """

    def __init__(self, *arguments: Any, sides: tuple[int, ...], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.sides = sides

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        whole = F.conv_transpose2d(
            x, self.weight, None, self.stride, 0, 0, self.groups, self.dilation
        )
        y = F.pad(whole, self.sides)
        return y if self.bias is None else y + self.bias[:, None, None]
