"""ConvNeXt: a ResNet rebuilt with what transformers do, and still of convolutions alone."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

STAGES = ((96, 3), (192, 3), (384, 9), (768, 3))
"""Channels, blocks."""

NORM = "LAYERNORM axis=channel epsilon=1e-06"


def block(channels: int) -> str:
    """A 7x7 kernel for each channel alone, then a dense layer at each place: a 1x1 convolution."""
    inner = (
        f"CONV {channels} 7x7 same groups={channels} -> {NORM}"
        f" -> CONV {4 * channels} 1x1 -> GELU -> CONV {channels} 1x1 -> SCALE"
    )
    return f"{{ {inner} | PASS }} ADD"


def notation(size: int = 224) -> str:
    """ConvNeXt-T for pictures of 3 x size x size."""
    parts = [f"INPUT 3x{size}x{size}"]
    for number, (channels, blocks) in enumerate(STAGES):
        smaller = f"{NORM} -> CONV {channels} 2x2 stride=2"
        parts.append(smaller if number else f"CONV {channels} 4x4 stride=4 -> {NORM}")
        parts.append(f"[{block(channels)}]*{blocks}")
    return "\n-> ".join([*parts, f"GLOBALAVGPOOL -> {NORM} -> FC 1000"])


NETWORKS = (
    CatalogNetwork(
        name="convnext_tiny",
        notation=notation(),
        source="Liu, Mao, Wu, Feichtenhofer, Darrell and Xie, A ConvNet for the 2020s, CVPR 2022, "
        "arXiv:2201.03545, table 9 (without stochastic depth); the parameters and multiply-adds "
        "are torchvision's",
        figures=Figures(28_589_128, 4.46),
        small=notation(32),
    ),
)
