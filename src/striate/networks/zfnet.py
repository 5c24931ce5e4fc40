"""ZFNet: AlexNet looked into, and mended: smaller kernels and a smaller stride at the start."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures


def notation(size: int = 224) -> str:
    """ZFNet for pictures of 3 x size x size."""
    return f"""\
INPUT 3x{size}x{size}
-> CONV 96 7x7 stride=2 pad=1 -> RELU -> MAXPOOL 3 stride=2 pad=1 -> LRN 5
-> CONV 256 5x5 stride=2 -> RELU -> MAXPOOL 3 stride=2 pad=1 -> LRN 5
-> CONV 384 3x3 same -> RELU -> CONV 384 3x3 same -> RELU -> CONV 256 3x3 same -> RELU
-> MAXPOOL 3 stride=2
-> [FC 4096 -> RELU -> DROPOUT 0.5]*2 -> FC 1000"""


NETWORKS = (
    CatalogNetwork(
        name="zfnet",
        notation=notation(),
        source="Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, "
        "ECCV 2014, figure 3",
        figures=Figures(parameters=62_357_608),
        small=notation(63),
    ),
)
