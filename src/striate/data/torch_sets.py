"""Data sets of PyTorch become arrays: what their items are, read once, in order."""

from __future__ import annotations

import sys
from typing import Any

from striate.errors import DataError

_ITEMS = "Its items are (picture, label): a tensor, array or Pillow image, and a number or name."


def is_torch_set(given: object) -> bool:
    """Whether it is a Dataset or DataLoader of PyTorch; PyTorch is not loaded to answer."""
    utils = sys.modules.get("torch.utils.data")
    return utils is not None and isinstance(given, utils.Dataset | utils.DataLoader)


def pair_of(given: Any, where: str) -> tuple[list[Any], list[Any]]:
    """Pictures and labels of a map-style Dataset, or of the one that a DataLoader reads.

    Its own transforms have been applied, once. Batches and order of a DataLoader are not used:
    a run makes its own.

    Raises:
        DataError: it has no length and no numbers, or its items are something else.
    """
    dataset = _dataset(given)
    from torch.utils.data import IterableDataset

    if isinstance(dataset, IterableDataset):
        raise DataError(
            f"{where}: {type(dataset).__name__} is a stream, whose items have no numbers",
            remedy="Give a map-style Dataset, which has __len__ and __getitem__.",
        )
    pictures, labels = [], []
    for number in range(len(dataset)):
        item = _item(dataset, number, where)
        pictures.append(item[0])
        labels.append(_label(item[1]))
    return pictures, labels


def classes_of(given: Any) -> Any:
    """The names of classes that a Dataset brings along, as torchvision's do; None without."""
    from torch.utils.data import Subset

    dataset = _dataset(given)
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return getattr(dataset, "classes", None)


def _dataset(given: Any) -> Any:
    from torch.utils.data import DataLoader

    return given.dataset if isinstance(given, DataLoader) else given


def _item(dataset: Any, number: int, where: str) -> Any:
    try:
        item = dataset[number]
    except Exception as error:  # the code of others
        raise DataError(
            f"{where}: item {number} of {type(dataset).__name__} cannot be read "
            f"({type(error).__name__}: {error})"
        ) from error
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise DataError(
            f"{where}: item {number} of {type(dataset).__name__} is a {type(item).__name__}, not "
            "a pair",
            remedy=_ITEMS,
        )
    return item


def _label(label: Any) -> Any:
    return label.item() if type(label).__module__ == "torch" and label.numel() == 1 else label
