"""Random shift, rotation, scale, shear and flip of a batch: new pictures from old ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from striate.data.dataset import AnySplit
from striate.data.erase import erased
from striate.errors import SettingError

if TYPE_CHECKING:
    import torch

FILLS = ("border", "zeros", "reflection")


@dataclass(frozen=True)
class Moves:
    """How each picture of a batch is moved; a tensor of N each.

    Args:
        down, right: pixels.
        angle: degrees, counterclockwise.
        zoom: factor; above 1 enlarges.
        shear: tangent of the slant: a point one pixel up moves this far right.
        flip: whether left and right are exchanged (before the rest).
    """

    down: torch.Tensor
    right: torch.Tensor
    angle: torch.Tensor
    zoom: torch.Tensor
    shear: torch.Tensor
    flip: torch.Tensor


@dataclass(frozen=True)
class Augment:
    """Limits of random distortions, drawn anew for every picture.

    Args:
        shift: up to this many pixels each way; a whole number moves by whole pixels where nothing
            but flip is added, a fraction interpolates.
        rotate: up to so many degrees each way.
        scale: up to this fraction larger or smaller (0.1: factors from 0.9 to 1.1).
        shear: up to this slant each way (0.2: a column leans by a fifth of its height).
        flip: exchange left and right in half of the pictures.
        erase: share of the pictures in which a rectangle is noise.
        fill: what comes in at the edges: "border" repeats the edge, "zeros" is black,
            "reflection" mirrors.

    Raises:
        SettingError: a limit below zero, a scale of 1 or more, an unknown fill.

    >>> Augment(shift=2, flip=True).is_identity
    False
    """

    shift: float = 0
    rotate: float = 0
    scale: float = 0
    shear: float = 0
    flip: bool = False
    fill: str = "border"
    erase: float = 0

    def __post_init__(self) -> None:
        for name in ("shift", "rotate", "scale", "shear", "erase"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise SettingError(f"augmentation: {name} is a number from 0 up, not {value!r}")
        if self.scale >= 1:
            raise SettingError(
                f"augmentation: scale={self.scale} would shrink pictures to nothing",
                remedy="It is a fraction: 0.1 draws factors from 0.9 to 1.1.",
            )
        if self.fill not in FILLS:
            raise SettingError(f"augmentation: fill is {', '.join(FILLS)}, not {self.fill!r}")

    @property
    def is_identity(self) -> bool:
        """Whether nothing is ever changed."""
        return not any(getattr(self, each.name) for each in fields(self) if each.name != "fill")

    @property
    def is_whole(self) -> bool:
        """Whether pixels only move by whole pixels, so that no value is interpolated."""
        return not (self.rotate or self.scale or self.shear or self.shift % 1)

    def __call__(self, x_nchw: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Distort pictures N x C x H x W; type, shape and device stay.

        Args:
            generator: on the CPU; the same state gives the same distortions on every device.
        """
        if self.is_identity:
            return x_nchw
        moved = move(x_nchw, self.draw(len(x_nchw), generator), self)
        return erased(moved, self.erase, generator) if self.erase else moved

    def draw(self, count: int, generator: torch.Generator) -> Moves:
        """Random moves for `count` pictures, all limits uniform."""
        import torch

        uniform = torch.rand((6, count), generator=generator, dtype=torch.float64)
        spread = 2 * uniform - 1
        shift = spread[:2] * self.shift
        if self.is_whole:
            reach = int(self.shift)
            shift = (uniform[:2] * (2 * reach + 1)).floor() - reach
        return Moves(
            down=shift[0],
            right=shift[1],
            angle=spread[2] * self.rotate,
            zoom=1 + spread[3] * self.scale,
            shear=spread[4] * self.shear,
            flip=(uniform[5] < 0.5) & self.flip,
        )


def move(x_nchw: torch.Tensor, moves: Moves, augment: Augment) -> torch.Tensor:
    """Pictures N x C x H x W, each moved as `moves` says, within the limits of `augment`."""
    import torch

    if augment.flip:
        mask = moves.flip.to(x_nchw.device)[:, None, None, None]
        x_nchw = torch.where(mask, x_nchw.flip(-1), x_nchw)
    if not augment.is_whole:
        return _warp(x_nchw, moves, augment.fill)
    reach = int(augment.shift)
    return _slide(x_nchw, moves, reach, augment.fill) if reach else x_nchw


def _slide(x: torch.Tensor, moves: Moves, reach: int, fill: str) -> torch.Tensor:
    """Whole-pixel shifts: a window of each padded picture, copied row by row."""
    import torch

    n, _, height, width = x.shape
    if fill == "zeros":
        padded = torch.nn.functional.pad(x, (reach, reach, reach, reach))
    else:
        rows = _outside(height, reach, fill).to(x.device)
        columns = _outside(width, reach, fill).to(x.device)
        padded = x.index_select(2, rows).index_select(3, columns)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    down, right = (each.to(x.device, torch.long) for each in (moves.down, moves.right))
    return windows[torch.arange(n, device=x.device), :, reach - down, reach - right]


def _outside(length: int, reach: int, fill: str) -> torch.Tensor:
    """For each place from -reach to length + reach, the pixel that fills it."""
    import torch

    place = torch.arange(-reach, length + reach)
    if fill == "border":
        return place.clamp(0, length - 1)
    period = 2 * length
    place = place % period
    return torch.minimum(place, period - 1 - place)


def _warp(x: torch.Tensor, moves: Moves, fill: str) -> torch.Tensor:
    """Bilinear sampling along the inverse of the moves (Jaderberg et al. 2015, equation 1)."""
    import torch
    from torch.nn import functional

    n, _, height, width = x.shape
    theta = _inverse(moves, height, width).to(x.device, torch.float32)
    # affine_grid computes this product in a slow batched form; one small matrix product does it.
    base = _base(height, width, x.device)
    grid = (base @ theta.transpose(1, 2).reshape(n, 3, 2).permute(1, 0, 2).reshape(3, 2 * n)).view(
        height, width, n, 2
    )
    floating = x if x.is_floating_point() else x.float()
    out = functional.grid_sample(
        floating,
        grid.permute(2, 0, 1, 3),
        mode="bilinear",
        padding_mode=fill,
        align_corners=False,
    )
    return out if x.is_floating_point() else out.round_().to(x.dtype)


def _base(height: int, width: int, device: torch.device) -> torch.Tensor:
    import torch

    y = (2 * torch.arange(height, device=device) + 1) / height - 1
    x = (2 * torch.arange(width, device=device) + 1) / width - 1
    ones = torch.ones(height, width, device=device)
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width), ones], dim=-1)


def _inverse(moves: Moves, height: int, width: int) -> torch.Tensor:
    """N x 2 x 3: from a place in the new picture to its place in the old, both in -1..1.

    Forward, in pixels about the center with y down: p' = zoom · R · S · p + t, with the rotation
    R = [[cos, sin], [-sin, cos]] and the shear S = [[1, -s], [0, 1]]. So
    p = S⁻¹ · Rᵀ · (p' - t) / zoom.
    """
    import torch

    angle = torch.deg2rad(moves.angle)
    cosine, sine = torch.cos(angle) / moves.zoom, torch.sin(angle) / moves.zoom
    xx, xy = cosine + moves.shear * sine, -sine + moves.shear * cosine
    yx, yy = sine, cosine
    x0 = -(xx * moves.right + xy * moves.down)
    y0 = -(yx * moves.right + yy * moves.down)
    rows = [xx, xy * height / width, x0 * 2 / width, yx * width / height, yy, y0 * 2 / height]
    return torch.stack(rows, dim=1).view(-1, 2, 3)


def suited_fill(split: AnySplit, sample: int = 500) -> str:
    """The `fill` that continues these pictures: "zeros" where edges are mostly black.

    Judged by up to `sample` pictures: black edges mean white ink on black, where repeating an
    edge would smear strokes.
    """
    images = np.asarray(split.images[: min(sample, len(split))])
    edges = [images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]]
    median = np.median(np.concatenate([edge.ravel() for edge in edges]))
    return "zeros" if median == 0 else "border"
