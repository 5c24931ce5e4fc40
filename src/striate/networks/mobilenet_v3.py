"""MobileNetV3: MobileNetV2's blocks, some weighing their channels, with a cheaper swish."""

from __future__ import annotations

from collections.abc import Sequence

from striate.networks.excitation import excitation
from striate.networks.network import CatalogNetwork, Figures

Bottleneck = tuple[int, int, int, bool, str, int]
"""Kernel, expanded channels, output channels, squeeze-and-excitation, activation, stride."""

LARGE: tuple[Bottleneck, ...] = (
    (3, 16, 16, False, "RELU", 1),
    (3, 64, 24, False, "RELU", 2),
    (3, 72, 24, False, "RELU", 1),
    (5, 72, 40, True, "RELU", 2),
    (5, 120, 40, True, "RELU", 1),
    (5, 120, 40, True, "RELU", 1),
    (3, 240, 80, False, "HARDSWISH", 2),
    (3, 200, 80, False, "HARDSWISH", 1),
    (3, 184, 80, False, "HARDSWISH", 1),
    (3, 184, 80, False, "HARDSWISH", 1),
    (3, 480, 112, True, "HARDSWISH", 1),
    (3, 672, 112, True, "HARDSWISH", 1),
    (5, 672, 160, True, "HARDSWISH", 2),
    (5, 960, 160, True, "HARDSWISH", 1),
    (5, 960, 160, True, "HARDSWISH", 1),
)
"""Table 1."""

SMALL: tuple[Bottleneck, ...] = (
    (3, 16, 16, True, "RELU", 2),
    (3, 72, 24, False, "RELU", 2),
    (3, 88, 24, False, "RELU", 1),
    (5, 96, 40, True, "HARDSWISH", 2),
    (5, 240, 40, True, "HARDSWISH", 1),
    (5, 240, 40, True, "HARDSWISH", 1),
    (5, 120, 48, True, "HARDSWISH", 1),
    (5, 144, 48, True, "HARDSWISH", 1),
    (5, 288, 96, True, "HARDSWISH", 2),
    (5, 576, 96, True, "HARDSWISH", 1),
    (5, 576, 96, True, "HARDSWISH", 1),
)
"""Table 2."""

BN = "BN epsilon=0.001 momentum=0.01"


def squeezed(channels: int) -> int:
    """A quarter of the channels, rounded to a multiple of 8, but not down by over a tenth."""
    wanted = channels // 4
    rounded = max(8, (wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


def block(channels_in: int, row: Bottleneck) -> str:
    """An inverted residual block."""
    kernel, wide, channels, weighs, activation, stride = row
    step = f" stride={stride}" if stride > 1 else ""
    parts = [f"CONV {wide} 1x1 bias=no -> {BN} -> {activation}"] if wide != channels_in else []
    parts.append(
        f"CONV {wide} {kernel}x{kernel} same{step} groups={wide} bias=no -> {BN} -> {activation}"
    )
    parts += [excitation(wide, squeezed(wide), gate="HARDSIGMOID")] if weighs else []
    parts.append(f"CONV {channels} 1x1 bias=no -> {BN}")
    inner = " -> ".join(parts)
    return f"{{ {inner} | PASS }} ADD" if stride == 1 and channels == channels_in else inner


def notation(rows: Sequence[Bottleneck], units: int, size: int = 224) -> str:
    """A MobileNetV3 with so many units before the last layer, for pictures of 3 x size x size."""
    channels = 16
    parts = [
        f"INPUT 3x{size}x{size}",
        f"CONV {channels} 3x3 same stride=2 bias=no -> {BN} -> HARDSWISH",
    ]
    for row in rows:
        parts.append(block(channels, row))
        channels = row[2]
    parts += [
        f"CONV {6 * channels} 1x1 bias=no -> {BN} -> HARDSWISH",
        f"GLOBALAVGPOOL -> FC {units} -> HARDSWISH -> DROPOUT 0.2 -> FC 1000",
    ]
    return "\n-> ".join(parts)


def _network(
    name: str, rows: Sequence[Bottleneck], units: int, table: int, parameters: int, work: float
) -> CatalogNetwork:
    return CatalogNetwork(
        name=name,
        notation=notation(rows, units),
        source="Howard, Sandler, Chu, Chen and others, Searching for MobileNetV3, ICCV 2019, "
        f"arXiv:1905.02244, table {table}; the parameters and multiply-adds are torchvision's",
        figures=Figures(parameters, work),
        # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
        small=notation(rows, units, 48),
    )


NETWORKS = (
    _network("mobilenet_v3_large", LARGE, 1280, 1, 5_483_032, 0.22),
    _network("mobilenet_v3_small", SMALL, 1024, 2, 2_542_856, 0.06),
)
