"""DenseNet: every layer reads the maps of all layers before it in its block."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

GROWTH = 32


def layer() -> str:
    """Batch normalization first: 1x1 to four times the growth, then 3x3; put beside the input."""
    return (
        f"{{ PASS | BN -> RELU -> CONV {4 * GROWTH} 1x1 bias=no -> BN -> RELU"
        f" -> CONV {GROWTH} 3x3 same bias=no }} CONCAT"
    )


def notation(depths: tuple[int, ...] = (6, 12, 24, 16), size: int = 224) -> str:
    """A DenseNet with so many layers a block, for pictures of 3 x size x size."""
    parts = [
        f"INPUT 3x{size}x{size}",
        "CONV 64 7x7 stride=2 pad=3 bias=no -> BN -> RELU -> MAXPOOL 3 stride=2 pad=1",
    ]
    channels = 64
    for number, depth in enumerate(depths):
        if number:
            channels //= 2
            parts.append(f"BN -> RELU -> CONV {channels} 1x1 bias=no -> AVGPOOL 2")
        parts.append(f"[{layer()}]*{depth}")
        channels += GROWTH * depth
    return "\n-> ".join([*parts, "BN -> RELU -> GLOBALAVGPOOL -> FC 1000"])


NETWORKS = (
    CatalogNetwork(
        name="densenet121",
        notation=notation(),
        source="Huang, Liu, van der Maaten and Weinberger, Densely Connected Convolutional "
        "Networks, arXiv:1608.06993, table 1",
        figures=Figures(7_978_856, 2.83),
        # With 32 the last maps are 1x1: BN over three numbers multiplies rounding errors.
        small=notation(size=64),
    ),
)
