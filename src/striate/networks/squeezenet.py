"""SqueezeNet 1.1: squeeze with 1x1 kernels, then expand with 1x1 and 3x3 side by side."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures


def fire(squeeze: int, expand: int) -> str:
    """One fire module."""
    return (
        f"CONV {squeeze} 1x1 -> RELU"
        f" -> {{ CONV {expand} 1x1 -> RELU | CONV {expand} 3x3 same -> RELU }} CONCAT"
    )


def notation(size: int = 224) -> str:
    """SqueezeNet 1.1 for pictures of 3 x size x size."""
    shrink = "MAXPOOL 3 stride=2 ceil=yes"
    return "\n-> ".join(
        [
            f"INPUT 3x{size}x{size}",
            f"CONV 64 3x3 stride=2 -> RELU -> {shrink}",
            f"{fire(16, 64)} -> {fire(16, 64)} -> {shrink}",
            f"{fire(32, 128)} -> {fire(32, 128)} -> {shrink}",
            f"{fire(48, 192)} -> {fire(48, 192)} -> {fire(64, 256)} -> {fire(64, 256)}",
            "DROPOUT 0.5 -> CONV 1000 1x1 -> RELU -> GLOBALAVGPOOL -> FLATTEN",
        ]
    )


NETWORKS = (
    CatalogNetwork(
        name="squeezenet1_1",
        notation=notation(),
        source="Iandola, Han, Moskewicz, Ashraf, Dally and Keutzer, SqueezeNet: AlexNet-level "
        "accuracy with 50x fewer parameters and <0.5MB model size, arXiv:1602.07360, and its "
        "release 1.1",
        figures=Figures(1_235_496, 0.35),
        small=notation(35),
    ),
)
