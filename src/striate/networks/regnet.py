"""RegNetY: bottlenecks in groups of channels, with widths that follow a line, found by search."""

from __future__ import annotations

from striate.networks.excitation import excitation
from striate.networks.network import CatalogNetwork, Figures

STAGES = ((48, 1), (104, 3), (208, 6), (440, 6))
"""Channels, blocks."""

GROUP = 8
"""Channels of a group."""


def block(channels_in: int, channels: int, stride: int = 1) -> str:
    """A residual bottleneck that is as wide inside; a 1x1 convolution where the shape changes."""
    step = f" stride={stride}" if stride > 1 else ""
    inner = (
        f"CONV {channels} 1x1 bias=no -> BN -> RELU"
        f" -> CONV {channels} 3x3 same{step} groups={channels // GROUP} bias=no -> BN -> RELU"
        f" -> {excitation(channels, channels_in // 4)} -> CONV {channels} 1x1 bias=no -> BN"
    )
    changes = stride > 1 or channels_in != channels
    shortcut = f"CONV {channels} 1x1{step} bias=no -> BN" if changes else "PASS"
    return f"{{ {inner} | {shortcut} }} ADD -> RELU"


def notation(size: int = 224) -> str:
    """RegNetY-400MF for pictures of 3 x size x size."""
    parts = [f"INPUT 3x{size}x{size}", "CONV 32 3x3 same stride=2 bias=no -> BN -> RELU"]
    channels_in = 32
    for channels, blocks in STAGES:
        parts.append(block(channels_in, channels, 2))
        if blocks > 1:
            parts.append(f"[{block(channels, channels)}]*{blocks - 1}")
        channels_in = channels
    return "\n-> ".join([*parts, "GLOBALAVGPOOL -> FC 1000"])


NETWORKS = (
    CatalogNetwork(
        name="regnet_y_400mf",
        notation=notation(),
        source="Radosavovic, Kosaraju, Girshick, He and Dollár, Designing Network Design Spaces, "
        "CVPR 2020, arXiv:2003.13678, RegNetY-400MF; the parameters and multiply-adds are "
        "torchvision's",
        figures=Figures(4_344_144, 0.40),
        # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
        small=notation(48),
    ),
)
