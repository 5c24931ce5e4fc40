"""ResNet: every block adds to what it was given, so that the gradient has a way through."""

from __future__ import annotations

from collections.abc import Callable

from striate.networks.network import CatalogNetwork, Figures

SOURCE = (
    "He, Zhang, Ren and Sun, Deep Residual Learning for Image Recognition, arXiv:1512.03385, "
    "table 1; the stride of a bottleneck stands in its 3x3 convolution, as in the networks that "
    "are in use"
)


def convolution(channels: int, kernel: int, stride: int = 1) -> str:
    """Convolution without bias and batch normalization, which has one."""
    step = f" stride={stride}" if stride > 1 else ""
    padding = " same" if kernel > 1 else ""
    return f"CONV {channels} {kernel}x{kernel}{padding}{step} bias=no -> BN"


def basic(channels: int, stride: int = 1) -> str:
    """Two 3x3 convolutions."""
    return f"{convolution(channels, 3, stride)} -> RELU -> {convolution(channels, 3)}"


def bottleneck(channels: int, stride: int = 1) -> str:
    """1x1 to fewer channels, 3x3, and 1x1 to four times as many."""
    return (
        f"{convolution(channels, 1)} -> RELU -> {convolution(channels, 3, stride)} -> RELU"
        f" -> {convolution(4 * channels, 1)}"
    )


def notation(depths: tuple[int, ...], block: Callable[..., str], size: int = 224) -> str:
    """A ResNet with so many blocks a stage, for pictures of 3 x size x size."""
    widen = 1 if block is basic else 4
    parts = [
        f"INPUT 3x{size}x{size}",
        f"{convolution(64, 7, 2)} -> RELU -> MAXPOOL 3 stride=2 pad=1",
    ]
    for stage, depth in enumerate(depths):
        channels = 64 << stage
        stride = 1 if stage == 0 else 2
        same = f"{{ {block(channels)} | PASS }} ADD -> RELU"
        if stride == 1 and widen == 1:
            parts.append(f"[{same}]*{depth}")
            continue
        shortcut = convolution(widen * channels, 1, stride)
        parts.append(f"{{ {block(channels, stride)} | {shortcut} }} ADD -> RELU")
        parts.append(f"[{same}]*{depth - 1}")
    return "\n-> ".join([*parts, "GLOBALAVGPOOL -> FC 1000"])


def _network(
    name: str, depths: tuple[int, ...], block: Callable[..., str], parameters: int, work: float
) -> CatalogNetwork:
    figures = Figures(parameters, work)
    # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
    return CatalogNetwork(
        name, notation(depths, block), SOURCE, figures, notation(depths, block, 33)
    )


NETWORKS = (
    _network("resnet18", (2, 2, 2, 2), basic, 11_689_512, 1.81),
    _network("resnet34", (3, 4, 6, 3), basic, 21_797_672, 3.66),
    _network("resnet50", (3, 4, 6, 3), bottleneck, 25_557_032, 4.09),
    _network("resnet101", (3, 4, 23, 3), bottleneck, 44_549_160, 7.80),
    _network("resnet152", (3, 8, 36, 3), bottleneck, 60_192_808, 11.51),
)
