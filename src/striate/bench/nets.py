"""What `striate bench` measures: networks, how they are trained, and real pictures for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from striate.data import Split, load
from striate.data.mnist import data_roots
from striate.display import shape_text
from striate.errors import SettingError
from striate.graph import Graph
from striate.lookup import graph_of, name_of
from striate.networks import NETWORKS
from striate.networks.resnet import basic, convolution
from striate.ops import Input

if TYPE_CHECKING:
    from torch import Tensor

    from striate.graph import Graph

    Pictures = tuple[np.ndarray, np.ndarray, str]
    """(N, C, H, W) in bytes, labels (N,), and where they come from."""


class Net(NamedTuple):
    """A network and how it is trained."""

    text: str
    batch: int = 32
    optimizer: str = "momentum"
    learning_rate: float = 0.01


def _resnet18() -> str:
    """For 32x32 pictures: a 3x3 convolution to start with, and no pooling behind it."""
    blocks = [f"[{{ {basic(64)} | PASS }} ADD -> RELU]*2"]
    for channels in (128, 256, 512):
        shortcut = convolution(channels, 1, 2)
        blocks.append(f"{{ {basic(channels, 2)} | {shortcut} }} ADD -> RELU")
        blocks.append(f"{{ {basic(channels)} | PASS }} ADD -> RELU")
    begin = f"INPUT 3x32x32 -> {convolution(64, 3)} -> RELU"
    return " -> ".join([begin, *blocks, "GLOBALAVGPOOL -> FC 10"])


def _vgg16_bn() -> str:
    """For 32x32 pictures: batch normalization, and no hidden dense layer."""
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    blocks = [f"[CONV {n} 3x3 same -> BN -> RELU]*{times} -> MAXPOOL 2" for n, times in stages]
    return " -> ".join(["INPUT 3x32x32", *blocks, "FC 10"])


NETS = {
    "A": Net(
        "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2] -> "
        "[CONV 64 5x5 same -> RELU -> MAXPOOL 2] -> FC 1024 -> RELU -> FC 10",
        128,
        "adam",
        1e-3,
    ),
    "B": Net(
        "INPUT 1x28x28 -> CONV 6 5x5 pad=2 -> SIGMOID -> AVGPOOL 2 -> CONV 16 5x5 -> SIGMOID -> "
        "AVGPOOL 2 -> FC 120 -> SIGMOID -> FC 84 -> SIGMOID -> FC 10",
        256,
        "sgd",
        0.5,
    ),
    "C": Net(
        "INPUT 1x28x28 -> CONV 20 5x5 -> MAXPOOL 2 -> TANH -> CONV 50 5x5 -> MAXPOOL 2 -> TANH -> "
        "FC 500 -> TANH -> FC 10",
        500,
        "sgd",
        0.1,
    ),
    "resnet18": Net(_resnet18()),
    "vgg16_bn": Net(_vgg16_bn()),
}


def subject(word: str, size: int = 0) -> tuple[str, Net, Graph]:
    """The network that `word` names: one of `NETS`, or whatever `striate show` understands.

    Args:
        size: height and width of its pictures; 0 for its own. With it, a name that is in `NETS` and
            in the catalog means the catalog's network.

    Raises:
        UnknownNameError, NotationError: there is no such network.
        SettingError: it does not map one picture to scores.
        StriateError: it does not take pictures of that size.
    """
    known = {name.lower(): name for name in NETS}.get(word.lower().replace("-", "_"))
    if size and known in NETWORKS:
        known = None
    graph = graph_of(NETS[known].text if known else word)
    picture, scores = [graph.specs[node.name].rank for node in (graph.inputs[0], graph.scores)]
    if len(graph.inputs) != 1 or picture != 3 or scores != 1:
        raise SettingError(
            f"{word} does not map one picture to scores",
            remedy="striate bench measures classifiers: INPUT 3x32x32 -> … -> FC 10.",
        )
    if size:
        graph = _for_pictures(graph, size)
    given = Net(str(graph))
    return known or name_of(word), NETS[known]._replace(text=given.text) if known else given, graph


def _for_pictures(graph: Graph, size: int) -> Graph:
    """The same layers for pictures of another height and width."""
    (input_,) = graph.inputs
    channels, *_ = graph.specs[input_.name].shape
    resized = replace(input_, operator=Input((channels, size, size)))
    nodes = tuple(resized if node is input_ else node for node in graph)
    return replace(graph, nodes=nodes)


def form(name: str, graph: Graph) -> str:
    """Which form of a network this is, in words: many names stand for one at several sizes."""
    shape = graph.specs[graph.inputs[0].name].shape
    said = f"{shape_text(shape)} to {graph.specs[graph.scores.name].size} scores"
    if name not in NETS or name not in NETWORKS or shape[1:] != (32, 32):
        return said
    return f"{said}: the form for small pictures; --size 224 measures the catalog's"


PHOTOGRAPHS = "crops of two photographs bundled with scikit-learn"
LARGEST = 64 * 64
"""Pixels of a picture up to which a whole data set is resized to it."""


def pictures(shape: tuple[int, ...], data_dir: Path | None) -> Pictures:
    """Real ones of this shape (C, H, W): MNIST or CIFAR-10 where they lie on this machine.

    Elsewhere the bundled digits, and crops of photographs; nothing is downloaded.
    """
    channels, height, width = shape
    name = {1: "mnist", 3: "cifar10"}.get(channels, "")
    here = any((root / name).is_dir() for root in data_roots(data_dir))
    if not name or height * width > LARGEST or (channels == 3 and not here):
        return _crops(shape)
    place = data_dir if here else None
    data = load(name if here else "digits", data_dir=place, size=(height, width))
    if not isinstance(data.train, Split):  # a folder too large for memory
        return _crops(shape)
    told = {"mnist": "MNIST", "cifar10": "CIFAR-10"}[name] if here else "the bundled 8x8 digits"
    return data.train.images, data.train.labels, f"{told} at {height}x{width}"


def _crops(shape: tuple[int, ...]) -> Pictures:
    from PIL import Image
    from sklearn.datasets import load_sample_images

    channels, height, width = shape
    rng = np.random.default_rng(0)
    photographs = []
    for each in load_sample_images().images:
        larger = max(1.0, height / each.shape[0], width / each.shape[1])
        size = (int(np.ceil(each.shape[1] * larger)), int(np.ceil(each.shape[0] * larger)))
        photographs.append(np.asarray(Image.fromarray(each).resize(size)).transpose(2, 0, 1))
    found = []
    for k in range(256):
        photograph = photographs[k % 2]
        top = rng.integers(photograph.shape[1] - height + 1)
        left = rng.integers(photograph.shape[2] - width + 1)
        crop = photograph[:, top : top + height, left : left + width]
        found.append(crop[np.arange(channels) % 3])
    return np.stack(found), rng.integers(10, size=len(found)), PHOTOGRAPHS


def batches(
    taken: Pictures, classes: int, size: int, count: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """So many batches, each drawn anew: (size, C, H, W) from 0 to 1, and labels (size,)."""
    import torch

    images, labels, _ = taken
    rng = np.random.default_rng(0)
    for _ in range(count):
        chosen = rng.choice(len(labels), size, replace=size > len(labels))
        x = torch.from_numpy(images[chosen].astype(np.float32) / 255)
        yield x, torch.from_numpy(np.asarray(labels[chosen] % classes, dtype=np.int64))
