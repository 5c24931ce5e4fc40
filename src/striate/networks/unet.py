"""U-Net: down to see what is there, up to say where, and bridges that bring back the detail."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

LEVELS = 4
"""How often the map is halved."""


def bridge(level: int, size: int, to: int) -> str:
    """The middle of a map on the way down, as large as the one on the way up."""
    start = (size - to) // 2
    part = f"SLICE {start} {start + to}"
    return f"@down{level} -> rows{level}: {part} axis=row -> crop{level}: {part} axis=column"


def notation(width: int = 64, size: int = 572) -> str:
    """U-Net of `width` channels in its first layer, for pictures of 1 x size x size.

    Two convolutions without padding cost four rows and columns.
    """
    parts = [f"INPUT 1x{size}x{size}"]
    sizes = []
    for level in range(LEVELS):
        step = f"CONV {width << level} 3x3 -> "
        sizes.append(size - 4)
        parts.append(f"{step}RELU -> {step}down{level + 1}: RELU -> MAXPOOL 2")
        size = sizes[level] // 2
    parts.append(f"[CONV {width << LEVELS} 3x3 -> RELU]*2")
    for level in reversed(range(LEVELS)):
        channels = width << level
        size = 2 * (size - 4)
        down = bridge(level + 1, sizes[level], size)
        parts.append(f"{{ {down}\n   | DECONV {channels} 2x2 stride=2 }} CONCAT")
        parts.append(f"[CONV {channels} 3x3 -> RELU]*2")
    return "\n-> ".join([*parts, "CONV 2 1x1 -> CROSSENTROPY"])


NETWORKS = (
    CatalogNetwork(
        name="unet",
        notation=notation(),
        source="Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image "
        "Segmentation, MICCAI 2015, arXiv:1505.04597, figure 1, of which the parameters and "
        "multiply-adds are the sums (without dropout and the weights of pixels)",
        figures=Figures(31_030_658, 150.43),
        small=notation(2, 188),
    ),
)
