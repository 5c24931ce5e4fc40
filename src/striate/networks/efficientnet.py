"""EfficientNet-B0: inverted residual blocks, found by search, that all weigh their channels."""

from __future__ import annotations

from striate.networks.excitation import excitation
from striate.networks.network import CatalogNetwork, Figures

STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
"""Table 1: expansion, kernel, stride of the first block, output channels, blocks."""


def block(channels_in: int, channels: int, expansion: int, kernel: int, stride: int) -> str:
    """An inverted residual block."""
    wide = channels_in * expansion
    step = f" stride={stride}" if stride > 1 else ""
    grow = f"CONV {wide} 1x1 bias=no -> BN -> SILU -> " if expansion > 1 else ""
    gate = excitation(wide, channels_in // 4, "SILU")
    inner = (
        f"{grow}CONV {wide} {kernel}x{kernel} same{step} groups={wide} bias=no -> BN -> SILU"
        f" -> {gate} -> CONV {channels} 1x1 bias=no -> BN"
    )
    return f"{{ {inner} | PASS }} ADD" if stride == 1 and channels == channels_in else inner


def notation(size: int = 224) -> str:
    """EfficientNet-B0 for pictures of 3 x size x size."""
    parts = [f"INPUT 3x{size}x{size}", "CONV 32 3x3 same stride=2 bias=no -> BN -> SILU"]
    channels_in = 32
    for expansion, kernel, stride, channels, blocks in STAGES:
        parts.append(block(channels_in, channels, expansion, kernel, stride))
        if blocks > 1:
            parts.append(f"[{block(channels, channels, expansion, kernel, 1)}]*{blocks - 1}")
        channels_in = channels
    parts += ["CONV 1280 1x1 bias=no -> BN -> SILU", "GLOBALAVGPOOL -> DROPOUT 0.2 -> FC 1000"]
    return "\n-> ".join(parts)


NETWORKS = (
    CatalogNetwork(
        name="efficientnet_b0",
        notation=notation(),
        source="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural "
        "Networks, ICML 2019, arXiv:1905.11946, table 1 (without stochastic depth); the "
        "parameters and multiply-adds are torchvision's",
        figures=Figures(5_288_548, 0.39),
        # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
        small=notation(48),
    ),
)
