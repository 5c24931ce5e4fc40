"""VGG: nothing but 3x3 kernels, deeper and deeper."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

SOURCE = (
    "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, "
    "arXiv:1409.1556, tables 1 (A, B, D, E) and 2; "
    "receptive field: Araujo, Norris and Sim, Distill 2019, table 1"
)

CHANNELS = (64, 128, 256, 512, 512)


def notation(convolutions: tuple[int, ...], size: int = 224) -> str:
    """A VGG with so many convolutions before each pooling, for pictures of 3 x size x size."""
    stages = [
        f"{_repeated(f'CONV {channels} 3x3 same -> RELU', times)} -> {name}MAXPOOL 2"
        for channels, times, name in zip(
            CHANNELS, convolutions, ("", "", "", "", "pool5: "), strict=True
        )
    ]
    ending = "[FC 4096 -> RELU -> DROPOUT 0.5]*2 -> FC 1000"
    return "\n-> ".join([f"INPUT 3x{size}x{size}", *stages, ending])


def _repeated(block: str, times: int) -> str:
    return f"[{block}]*{times}" if times > 1 else block


def _network(
    name: str, convolutions: tuple[int, ...], parameters: int, work: float, **fields: int
) -> CatalogNetwork:
    figures = Figures(parameters, work, receptive_fields=fields)
    return CatalogNetwork(name, notation(convolutions), SOURCE, figures, notation(convolutions, 32))


NETWORKS = (
    _network("vgg11", (1, 1, 2, 2, 2), 132_863_336, 7.61),
    _network("vgg13", (2, 2, 2, 2, 2), 133_047_848, 11.31),
    _network("vgg16", (2, 2, 3, 3, 3), 138_357_544, 15.47, pool5=212),
    _network("vgg19", (2, 2, 4, 4, 4), 143_667_240, 19.63),
)
