"""GoogLeNet: inception blocks, and two side exits that help the gradient into the depth."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

BLOCKS = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""Table 1: 1x1; 3x3 reduce, 3x3; 5x5 reduce, 5x5; pool projection."""


def inception(block: str) -> str:
    """One block: four branches over the same map, put side by side."""
    one, three_in, three, five_in, five, pooled = BLOCKS[block]
    return (
        f"{{ CONV {one} 1x1 -> RELU"
        f" | CONV {three_in} 1x1 -> RELU -> CONV {three} 3x3 same -> RELU"
        f" | CONV {five_in} 1x1 -> RELU -> CONV {five} 5x5 same -> RELU"
        f" | MAXPOOL 3 stride=1 same -> CONV {pooled} 1x1 -> RELU }} inception{block}: CONCAT"
    )


def exit_(name: str) -> str:
    """A side exit, its loss weighted by 0.3."""
    return (
        "{ AVGPOOL 5 stride=3 -> CONV 128 1x1 -> RELU -> FC 1024 -> RELU -> DROPOUT 0.7"
        f" -> {name}: FC 1000 }} AUX 0.3"
    )


def notation(size: int = 224, *, exits: bool = True) -> str:
    """GoogLeNet for pictures of 3 x size x size, with or without the side exits."""
    shrink = "MAXPOOL 3 stride=2 ceil=yes"
    parts = [
        f"INPUT 3x{size}x{size}",
        f"CONV 64 7x7 stride=2 pad=3 -> RELU -> {shrink} -> LRN 5",
        f"CONV 64 1x1 -> RELU -> CONV 192 3x3 same -> RELU -> LRN 5 -> {shrink}",
        inception("3a"),
        f"{inception('3b')} -> {shrink}",
        inception("4a"),
        *([exit_("exit1")] if exits else []),
        inception("4b"),
        inception("4c"),
        inception("4d"),
        *([exit_("exit2")] if exits else []),
        f"{inception('4e')} -> {shrink}",
        inception("5a"),
        inception("5b"),
        "GLOBALAVGPOOL -> DROPOUT 0.4 -> FC 1000",
    ]
    return "\n-> ".join(parts)


SOURCE = (
    "Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke and Rabinovich, Going Deeper "
    "with Convolutions, arXiv:1409.4842, table 1 and section 5"
)

NETWORKS = (
    CatalogNetwork(
        name="googlenet",
        notation=notation(),
        source=SOURCE,
        figures=Figures(parameters=13_378_280, parameters_without_exits=6_998_552),
        small=notation(80),
    ),
    CatalogNetwork(
        name="googlenet_plain",
        notation=notation(exits=False),
        source=f"{SOURCE}; without the side exits",
        figures=Figures(parameters=6_998_552),
        small=notation(48, exits=False),
    ),
)
