"""In which order a network of others computes its layers, from the names of its weights alone.

The names of a weights file are paths: layer1.0.conv1.weight. Siblings that differ in a number
alone (0 and 1, block2-0 and block2-1) run in the order of the numbers. What else stands side by
side runs in the order of a row below; the rows name the layers of torchvision and timm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ORDERS = tuple(
    tuple(row.split())
    for row in (
        "features pre_logits classifier head",
        # ResNet
        "conv1 bn1 conv2 bn2 conv3 bn3 downsample",
        "conv1 bn1 layer1 layer2 layer3 layer4 fc",
        # DenseNet
        "conv0 norm0 denseblock1 transition1 denseblock2 transition2 denseblock3 transition3 "
        "denseblock4 norm5",
        "norm1 conv1 norm2 conv2",
        "norm conv",
        # SqueezeNet, ShuffleNetV2
        "squeeze expand1x1 expand3x3",
        "conv1 stage2 stage3 stage4 conv5 fc",
        # RegNet
        "stem trunk_output fc",
        "f proj",
        "a b se c",
        "stem s1 s2 s3 s4 head",
        "conv1 conv2 se conv3 downsample",
        "conv bn bn1",
        # MobileNet and EfficientNet in timm
        "conv_stem bn1 blocks conv_head bn2 classifier",
        "conv_dw bn1 se conv_pw bn2",
        "conv_pw bn1 conv_dw bn2 se conv_pwl bn3",
        "conv_reduce conv_expand",
        # ConvNeXt
        "block layer_scale",
        "stem stages head",
        "downsample blocks",
        "conv_dw norm mlp gamma",
        "norm fc",
        # Vision transformers; a constant runs before what is computed
        "class_token conv_proj encoder heads",
        "pos_embedding layers ln",
        "ln_1 self_attention ln_2 mlp",
        "in_proj out_proj",
        "cls_token patch_embed pos_embed blocks norm head",
        "norm1 attn norm2 mlp",
        "qkv proj",
    )
)


def in_order(paths: Iterable[str], *, is_ordered: bool) -> list[str] | None:
    """The paths of layers in the order in which they run; None where that is not known.

    >>> in_order(["fc", "layer1.10.conv2", "layer1.9.conv1", "bn1"], is_ordered=False)
    ['bn1', 'layer1.9.conv1', 'layer1.10.conv2', 'fc']

    Args:
        is_ordered: whether siblings that no row names may stay in the order in which they come.
    """
    return _sorted([path.split(".") for path in paths], is_ordered)


def _sorted(paths: list[list[str]], is_ordered: bool) -> list[str] | None:
    groups: dict[str, list[list[str]]] = {}
    for path in paths:
        groups.setdefault(path[0], []).append(path[1:])
    words = _siblings(tuple(groups))
    if words is None and not is_ordered:
        return None
    found: list[str] = []
    for word in words or groups:
        found += [word for rest in groups[word] if not rest]
        inner = _sorted([rest for rest in groups[word] if rest], is_ordered)
        if inner is None:
            return None
        found += [f"{word}.{each}" for each in inner]
    return found


def _siblings(words: tuple[str, ...]) -> list[str] | None:
    """Siblings in the order in which they run."""
    if len({re.sub(r"\d+", "0", word) for word in words}) <= 1:
        return sorted(words, key=lambda word: [int(n) for n in re.findall(r"\d+", word)])
    row = next((row for row in ORDERS if set(words) <= set(row)), None)
    return sorted(words, key=row.index) if row is not None else None
