"""ShuffleNetV2: half of the channels pass untouched, and a shuffle lets the halves meet."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

STAGES = ((116, 4), (232, 8), (464, 4))
"""Table 5, 1x: output channels, units."""


def narrow(channels: int) -> str:
    """A 1x1 convolution to so many channels."""
    return f"CONV {channels} 1x1 bias=no -> BN -> RELU"


def depthwise(channels: int, stride: int = 1) -> str:
    """A 3x3 kernel for each channel alone."""
    step = f" stride={stride}" if stride > 1 else ""
    return f"CONV {channels} 3x3 same{step} groups={channels} bias=no -> BN"


def shuffle(channels: int) -> str:
    """The channels of two halves by turns."""
    return f"RESHAPE 2x{channels // 2}x0x0 -> PERMUTE 1x0x2x3 -> RESHAPE {channels}x0x0"


def unit(channels: int) -> str:
    """Figure 3c: one half passes."""
    half = channels // 2
    inner = f"{narrow(half)} -> {depthwise(half)} -> {narrow(half)}"
    halves = f"{{ SLICE 0 {half} | SLICE {half} {channels} -> {inner} }} CONCAT"
    return f"{halves} -> {shuffle(channels)}"


def halving(channels_in: int, channels: int) -> str:
    """Figure 3d: both branches halve the picture."""
    half = channels // 2
    left = f"{depthwise(channels_in, 2)} -> {narrow(half)}"
    right = f"{narrow(half)} -> {depthwise(half, 2)} -> {narrow(half)}"
    return f"{{ {left} | {right} }} CONCAT -> {shuffle(channels)}"


def notation(size: int = 224) -> str:
    """ShuffleNetV2 1x for pictures of 3 x size x size."""
    parts = [
        f"INPUT 3x{size}x{size}",
        "CONV 24 3x3 same stride=2 bias=no -> BN -> RELU -> MAXPOOL 3 stride=2 pad=1",
    ]
    channels_in = 24
    for channels, units in STAGES:
        parts.append(halving(channels_in, channels))
        parts.append(f"[{unit(channels)}]*{units - 1}")
        channels_in = channels
    return "\n-> ".join([*parts, narrow(1024), "GLOBALAVGPOOL -> FC 1000"])


NETWORKS = (
    CatalogNetwork(
        name="shufflenet_v2_x1_0",
        notation=notation(),
        source="Ma, Zhang, Zheng and Sun, ShuffleNet V2: Practical Guidelines for Efficient CNN "
        "Architecture Design, ECCV 2018, arXiv:1807.11164, table 5 (1x); the parameters and "
        "multiply-adds are torchvision's",
        figures=Figures(2_278_604, 0.14),
        # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
        small=notation(48),
    ),
)
