"""MobileNetV2: thin ends, a wide middle, and a kernel for each channel alone."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Table 2: expansion, output channels, blocks, stride of the first block."""


def block(channels_in: int, channels: int, expansion: int, stride: int) -> str:
    """An inverted residual block."""
    wide = channels_in * expansion
    step = f" stride={stride}" if stride > 1 else ""
    grow = f"CONV {wide} 1x1 bias=no -> BN -> RELU6 -> " if expansion > 1 else ""
    inner = (
        f"{grow}CONV {wide} 3x3 same{step} groups={wide} bias=no -> BN -> RELU6"
        f" -> CONV {channels} 1x1 bias=no -> BN"
    )
    return f"{{ {inner} | PASS }} ADD" if stride == 1 and channels == channels_in else inner


def notation(size: int = 224) -> str:
    """MobileNetV2 for pictures of 3 x size x size."""
    parts = [f"INPUT 3x{size}x{size}", "CONV 32 3x3 same stride=2 bias=no -> BN -> RELU6"]
    channels_in = 32
    for expansion, channels, blocks, stride in STAGES:
        for number in range(blocks):
            parts.append(block(channels_in, channels, expansion, 1 if number else stride))
            channels_in = channels
    parts += ["CONV 1280 1x1 bias=no -> BN -> RELU6", "GLOBALAVGPOOL -> DROPOUT 0.2 -> FC 1000"]
    return "\n-> ".join(parts)


NETWORKS = (
    CatalogNetwork(
        name="mobilenet_v2",
        notation=notation(),
        source="Sandler, Howard, Zhu, Zhmoginov and Chen, MobileNetV2: Inverted Residuals and "
        "Linear Bottlenecks, arXiv:1801.04381, table 2",
        figures=Figures(3_504_872, 0.30),
        # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
        small=notation(48),
    ),
)
