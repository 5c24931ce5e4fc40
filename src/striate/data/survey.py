"""What a data set is, before one of its pictures is decoded: classes and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from striate.data import cifar10, digits
from striate.data.catalog import named
from striate.data.mnist import FASHION_MNIST, MNIST
from striate.data.names import in_order
from striate.data.pictures import Size, usual_size
from striate.data.sources import Source, tree_of


@dataclass(frozen=True)
class Survey:
    """What is known of a data set from names and the heads of files.

    Args:
        classes: names by index; fewer may remain, if all pictures of one are damaged.
        size: (height, width) that its pictures have, or are brought to.
        channels: 1 or 3; None where only decoding tells.
        has_validation: whether pictures for validation lie in a folder of their own.
    """

    classes: tuple[str, ...]
    size: Size
    channels: int | None = None
    has_validation: bool = False


_NAMED: Mapping[str, Survey] = {
    "digits": Survey(digits.CLASSES, (8, 8), 1),
    "mnist": Survey(MNIST.classes, (28, 28), 1),
    "fashion_mnist": Survey(FASHION_MNIST.classes, (28, 28), 1),
    "cifar10": Survey(cifar10.CLASSES, (32, 32), 3),
}


def survey(source: Source) -> Survey:
    """What `load` would answer with, but for the pictures.

    Raises:
        DataError: a folder, file or arrays that cannot be used.
        UnknownNameError: neither a name nor a folder.

    >>> survey("cifar10").size
    (32, 32)
    """
    if name := named(source):
        return _NAMED[name]
    tree = tree_of(source)
    learned = {entry.label for entry in tree.entries if entry.split in ("train", "")}
    return Survey(
        in_order(learned),
        usual_size(tree.entries),
        has_validation=any(entry.split == "validation" for entry in tree.entries),
    )
