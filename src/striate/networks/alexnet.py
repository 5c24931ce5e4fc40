"""AlexNet, in its one-tower form: the network that won ImageNet in 2012."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures


def notation(size: int = 224) -> str:
    """AlexNet for pictures of 3 x size x size."""
    return f"""\
INPUT 3x{size}x{size}
-> CONV 64 11x11 stride=4 pad=2 -> RELU -> MAXPOOL 3 stride=2
-> CONV 192 5x5 same -> RELU -> MAXPOOL 3 stride=2
-> CONV 384 3x3 same -> RELU -> CONV 256 3x3 same -> RELU -> CONV 256 3x3 same -> RELU
-> pool5: MAXPOOL 3 stride=2
-> [DROPOUT 0.5 -> FC 4096 -> RELU]*2 -> FC 1000"""


NETWORKS = (
    CatalogNetwork(
        name="alexnet",
        notation=notation(),
        source="Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional "
        "Neural Networks, NIPS 2012; one tower: Krizhevsky, arXiv:1404.5997, section 5. "
        "Receptive field: Araujo, Norris and Sim, Distill 2019, table 1.",
        figures=Figures(
            parameters=61_100_840, giga_multiply_adds=0.71, receptive_fields={"pool5": 195}
        ),
        small=notation(63),
    ),
)
