"""The catalog: one network, or one family, a file."""

from __future__ import annotations

from striate.errors import UnknownNameError, did_you_mean
from striate.networks import (
    alexnet,
    convnext,
    densenet,
    efficientnet,
    googlenet,
    lenet,
    mnist_plain,
    mnist_rows,
    mobilenet,
    mobilenet_v3,
    regnet,
    resnet,
    shufflenet,
    squeezenet,
    unet,
    vgg,
    vit,
    zfnet,
)
from striate.networks.network import CatalogNetwork, Figures

_FILES = (
    lenet,
    mnist_plain,
    mnist_rows,
    alexnet,
    zfnet,
    vgg,
    googlenet,
    resnet,
    mobilenet,
    densenet,
    squeezenet,
    mobilenet_v3,
    shufflenet,
    efficientnet,
    regnet,
    convnext,
    unet,
    vit,
)

NETWORKS: dict[str, CatalogNetwork] = {
    network.name: network for file in _FILES for network in file.NETWORKS
}
"""Every network of the catalog, by name."""

__all__ = ["NETWORKS", "CatalogNetwork", "Figures", "network"]


def network(name: str) -> CatalogNetwork:
    """The network called `name`.

    Raises:
        UnknownNameError: the catalog has no such network.
    """
    try:
        return NETWORKS[name.lower().replace("-", "_")]
    except KeyError:
        raise UnknownNameError(
            f"there is no network called {name}",
            remedy=did_you_mean(name, NETWORKS) or "`striate networks` lists all there are.",
        ) from None
