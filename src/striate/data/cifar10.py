"""CIFAR-10: 50,000 and 10,000 color pictures of 32 x 32 in ten classes, as picture files.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from striate.data.archive import scan_archive
from striate.data.dataset import DataSet, Share
from striate.data.mnist import data_roots
from striate.data.pictures import from_tree
from striate.data.tree import scan
from striate.errors import DataError

ARCHIVES = ("cifar10-jpeg.tar.gz", "cifar10.tar.gz", "cifar10.tgz", "cifar10.tar")


def load_cifar10(
    *,
    data_dir: Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: Share = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> DataSet:
    """From `DIR/cifar10/` (class folders below train and test) or a tar archive of them.

    DIR is `data_dir`, then `STRIATE_DATA`. A tenth of the training pictures is set aside for
    validation unless told otherwise.

    Raises:
        DataError: neither is there, or what is there is damaged.
    """
    roots = data_roots(data_dir)
    for folder in (place for root in roots for place in (root / "cifar10", root)):
        archive = next((folder / name for name in ARCHIVES if (folder / name).is_file()), None)
        if archive is None and not (folder / "train" / "airplane").is_dir():
            continue
        return from_tree(
            scan(folder) if archive is None else scan_archive(archive),
            name="cifar10",
            size=size or (32, 32),
            channels=channels,
            validation=validation,
            seed=seed,
            progress=progress,
        )
    looked = ", ".join(str(root / "cifar10") for root in roots) or "nowhere: no folder was named"
    raise DataError(
        "cifar10 was not found",
        where=f"looked in {looked}",
        remedy=f"Put {ARCHIVES[0]} (train/<class>/*.jpg, test/<class>/*.jpg) or its folders into "
        "DIR/cifar10, and name DIR with --data-dir or STRIATE_DATA.",
    )
