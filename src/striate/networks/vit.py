"""The vision transformer: a picture as a sentence of patches, each of which attends to all."""

from __future__ import annotations

from striate.networks.network import CatalogNetwork, Figures

NORM = "LAYERNORM axis=last epsilon=1e-06"


def attention(tokens: int, width: int, heads: int) -> str:
    """Each token becomes a mean of all tokens' values, weighted by how its query fits their keys.

    Queries, keys and values of all heads come from one dense layer: 3 x heads x tokens x size.
    """
    size = width // heads
    query, key, value = (
        f"SLICE {k} {k + 1} axis=first -> RESHAPE {heads}x{tokens}x{size}" for k in range(3)
    )
    scores = f"{{ {query} | {key} -> PERMUTE 0x2x1 }} MATMUL -> AFFINE {size**-0.5!r} 0"
    return (
        f"FC {3 * width} axis=last -> RESHAPE {tokens}x3x{heads}x{size} -> PERMUTE 1x2x0x3"
        f" -> {{ {scores} -> SOFTMAX axis=last | {value} }} MATMUL"
        f" -> PERMUTE 1x0x2 -> RESHAPE {tokens}x{width} -> FC {width} axis=last"
    )


def block(tokens: int, width: int, heads: int) -> str:
    """Attention among the tokens, then two dense layers at each; both are added to what came."""
    mixed = f"{NORM} -> {attention(tokens, width, heads)}"
    apart = f"{NORM} -> FC {4 * width} axis=last -> GELU -> FC {width} axis=last"
    return f"{{ PASS | {mixed} }} ADD -> {{ PASS | {apart} }} ADD"


def notation(
    width: int,
    heads: int,
    *,
    depth: int = 12,
    size: int = 224,
    patch: int = 16,
    classes: int = 1000,
) -> str:
    """A vision transformer for pictures of 3 x size x size."""
    patches = (size // patch) ** 2
    tokens = patches + 1
    return "\n-> ".join(
        (
            f"INPUT 3x{size}x{size}",
            f"CONV {width} {patch}x{patch} stride={patch}",
            f"RESHAPE {width}x{patches} -> PERMUTE 1x0",
            f"{{ class_token: LEARNED 1x{width} | PASS }} CONCAT axis=first",
            f"{{ PASS | positions: LEARNED {tokens}x{width} }} ADD",
            f"[{block(tokens, width, heads)}]*{depth}",
            f"{NORM} -> SLICE 0 1 axis=first -> FC {classes}",
        )
    )


NETWORKS = (
    CatalogNetwork(
        name="vit_tiny",
        notation=notation(192, 3),
        source="Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021, arXiv:2010.11929, "
        "section 3.1, in the size of Touvron et al., Training Data-Efficient Image Transformers, "
        "ICML 2021, arXiv:2012.12877, table 1 (DeiT-Ti, 5M parameters); the parameters and "
        "multiply-adds follow from the sizes, as torchvision's vit_b_16 from its own",
        figures=Figures(5_717_416, 1.25),
        small=notation(12, 3, size=32, classes=10),
    ),
)
