"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from striate import ops
from striate.graph import Operator, Spec
from striate.graph.window import spread, windows
from striate.pytorch.modules.making import Maker, by_rank, short, sides, unless, window_settings
from striate.pytorch.recipe import ModuleRecipe


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


def _transposed_conv(conv: ops.TransposedConv, inputs: tuple[Spec, ...]) -> ModuleRecipe:
    (x,) = inputs
    kernel, stride, dilation, behind = (
        spread(name, getattr(conv, name), len(x.spatial))
        for name in ("kernel", "stride", "dilation", "output_padding")
    )
    axes = windows(len(x.spatial), kernel, stride, conv.padding, dilation)
    settings = unless({"stride": 1, "dilation": 1}, window_settings(axes))
    settings |= unless({"groups": 1, "bias": True}, {"groups": conv.groups, "bias": conv.bias})
    arguments = (x.channels, conv.out_channels, short(kernel))
    if all(w.before == w.after for w in axes):
        usual = {"padding": 0, "output_padding": 0}
        cut = {"padding": short(w.before for w in axes), "output_padding": short(behind)}
        settings |= unless(usual, cut)
        return ModuleRecipe(
            by_rank(x, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
            arguments,
            settings,
        )
    ends = [(-w.before, more - w.after) for w, more in zip(axes, behind, strict=True)]
    settings["sides"] = sides(ends)
    kind = by_rank(x, CutConvTranspose1d, CutConvTranspose2d)
    return ModuleRecipe(kind, arguments, settings)


ROWS: Mapping[type[Operator], Maker] = {
    ops.TransposedConv: _transposed_conv,
}
