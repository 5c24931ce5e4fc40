"""CIFAR-10: 50,000 and 10,000 color pictures of 32 x 32 in ten classes.

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Read are picture
files (folders, or a tar archive of them) and the author's binary version; never the Python
version, which is a pickle and could run anything.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np

from striate.data.archive import opened_tar, scan_archive
from striate.data.arrays import LabeledPictures, from_arrays
from striate.data.dataset import DataSet, Share
from striate.data.download import Remote, cache_folder, fetch
from striate.data.mnist import data_roots
from striate.data.pictures import from_tree
from striate.data.tree import scan
from striate.errors import DataError

CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())  # noqa: SIM905
ARCHIVES = ("cifar10-jpeg.tar.gz", "cifar10.tar.gz", "cifar10.tgz", "cifar10.tar")
BINARY = Remote("cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530")
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
_RECORD = 1 + 3 * 32 * 32  # a label, then the red, green and blue planes
_LARGEST = 64 << 20


def load_cifar10(
    *,
    data_dir: Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: Share = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> DataSet:
    """From `DIR/cifar10/`: class folders below train and test, a tar of them, or the binary tar.

    DIR is `data_dir`, then `STRIATE_DATA`; the binary version (170 MB) is downloaded into the
    user's cache otherwise. A tenth of the training pictures is set aside for validation unless
    told otherwise.

    Raises:
        DataError: what is there is damaged, or nothing is and nothing can be downloaded.
    """
    for folder in (place for root in data_roots(data_dir) for place in (root / "cifar10", root)):
        archive = next((folder / name for name in ARCHIVES if (folder / name).is_file()), None)
        if archive is None and not (folder / "train" / "airplane").is_dir():
            if not (folder / BINARY.name).is_file():
                continue
            return _from_binary(folder / BINARY.name, size, channels, validation, seed)
        return from_tree(
            scan(folder) if archive is None else scan_archive(archive),
            name="cifar10",
            size=size or (32, 32),
            channels=channels,
            validation=validation,
            seed=seed,
            progress=progress,
        )
    path = fetch(BINARY, MIRRORS, cache_folder("cifar10"), progress)
    return _from_binary(path, size, channels, validation, seed)


def _from_binary(
    path: Path,
    size: tuple[int, int] | None,
    channels: int | None,
    validation: Share,
    seed: int,
) -> DataSet:
    with opened_tar(path) as archive:
        parts = {
            PurePosixPath(member.name).name: _records(path, archive, member)
            for member in archive
            if member.isreg() and PurePosixPath(member.name).name in (*TRAIN, *TEST)
        }
    if missing := [name for name in (*TRAIN, *TEST) if name not in parts]:
        raise DataError(f"{path} lacks {', '.join(missing)}")
    return from_arrays(
        "cifar10",
        CLASSES,
        _pair([parts[name] for name in TRAIN]),
        _pair([parts[name] for name in TEST]),
        size=size,
        channels=channels,
        validation=0.1 if validation is None else validation,
        seed=seed,
    )


def _records(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> np.ndarray:
    stream = archive.extractfile(member)
    if (
        stream is None
        or member.issparse()
        or member.size > _LARGEST
        or member.size == 0
        or member.size % _RECORD
    ):
        raise DataError(
            f"{path}: {member.name} has {member.size:,} bytes, not a multiple of {_RECORD:,}"
        )
    return np.frombuffer(stream.read(), dtype=np.uint8).reshape(-1, _RECORD)


def _pair(parts: list[np.ndarray]) -> LabeledPictures:
    records = np.concatenate(parts)
    images = np.ascontiguousarray(records[:, 1:]).reshape(-1, 3, 32, 32)
    return images, records[:, 0].astype(np.int64)
