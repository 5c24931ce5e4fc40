"""MNIST and its look-alike Fashion-MNIST: IDX files on disk, or from a mirror.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
recognition", Proceedings of the IEEE 86, 1998. H. Xiao, K. Rasul and R. Vollgraf,
"Fashion-MNIST", arXiv:1708.07747.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.data.arrays import LabeledPictures, from_arrays
from striate.data.dataset import DataSet, Share
from striate.data.download import Remote, cache_folder, fetch
from striate.data.idx import read_idx
from striate.errors import DataError

STEMS = ("train-images", "train-labels", "t10k-images", "t10k-labels")


@dataclass(frozen=True)
class IdxSet:
    """One data set of four IDX files.

    Args:
        folders: names under a data folder in which the files are looked for, in order.
        sha256: of the four gzipped files, in the order of `STEMS`.
    """

    name: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: tuple[str, str, str, str]


MNIST = IdxSet(
    "mnist",
    tuple("0123456789"),
    ("mnist", "MNIST/raw", "MNIST", "."),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)
FASHION_MNIST = IdxSet(
    "fashion_mnist",
    (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw", "FashionMNIST", "."),
    (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def load_idx_set(
    kind: IdxSet,
    *,
    data_dir: Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: Share = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> DataSet:
    """The published splits, 60,000 and 10,000 pictures of 28 x 28; white on black.

    Looked for in `data_dir`, then `STRIATE_DATA`, then the user's cache; downloaded into the
    cache otherwise. 5,000 of the training pictures are set aside for validation unless told
    otherwise (a tenth where there are fewer than 50,000).

    Raises:
        DataError: files that are damaged, incomplete, another data set's, or nowhere to be had.
    """
    files = _found(kind, data_dir) or _fetched(kind, progress)
    train, test = _pair(files[0], files[1]), _pair(files[2], files[3])
    _refuse_the_other(kind, files[1], train[1])
    if validation is None:
        validation = 5_000 if len(train[1]) >= 50_000 else 0.1
    return from_arrays(
        kind.name,
        kind.classes,
        train,
        test,
        size=size,
        channels=channels,
        validation=validation,
        seed=seed,
    )


def data_roots(data_dir: Path | None) -> list[Path]:
    """Folders in which data sets are looked for: the one named, then `STRIATE_DATA`.

    Raises:
        DataError: `data_dir` is not a folder.
    """
    if data_dir is not None and not Path(data_dir).expanduser().is_dir():
        raise DataError(f"there is no folder {data_dir} to look for data in")
    named = [data_dir, os.environ.get("STRIATE_DATA")]
    return [Path(each).expanduser() for each in named if each]


def _found(kind: IdxSet, data_dir: Path | None) -> list[Path] | None:
    places = [root / name for root in data_roots(data_dir) for name in kind.folders]
    for folder in places:
        files = [_spelled(folder, stem) for stem in STEMS]
        present = [file for file in files if file is not None]
        if len(present) == len(files):
            return present
        if present:
            missing = [stem for stem, file in zip(STEMS, files, strict=True) if file is None]
            raise DataError(
                f"{folder} has {len(present)} of the 4 files of {kind.name}; missing: "
                f"{', '.join(_file_name(stem) for stem in missing)}",
                remedy="Both ….gz and unpacked files are read.",
            )
    return None


def _file_name(stem: str) -> str:
    return f"{stem}-idx{3 if stem.endswith('images') else 1}-ubyte.gz"


def _spelled(folder: Path, stem: str) -> Path | None:
    packed = _file_name(stem)
    plain = packed.removesuffix(".gz")
    # Some archives write a dot where the original has a dash.
    dotted = plain.replace("-idx", ".idx")
    for name in (plain, packed, dotted, f"{dotted}.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def _fetched(kind: IdxSet, progress: Callable[[int, int, str], None] | None) -> list[Path]:
    folder = cache_folder(kind.name)
    remotes = [
        Remote(_file_name(stem), f"sha256:{sha}")
        for stem, sha in zip(STEMS, kind.sha256, strict=True)
    ]
    return [fetch(remote, kind.mirrors, folder, progress) for remote in remotes]


def _pair(images: Path, labels: Path) -> LabeledPictures:
    pictures = read_idx(images, 3)[:, None]
    targets = read_idx(labels, 1).astype(np.int64)
    if len(pictures) != len(targets):
        raise DataError(
            f"{images} has {len(pictures):,} pictures, {labels} has {len(targets):,} labels"
        )
    return pictures, targets


def _refuse_the_other(kind: IdxSet, file: Path, labels: np.ndarray) -> None:
    # The two sets use the same file names. Fashion-MNIST has 6,000 of each class, MNIST has not.
    if len(labels) != 60_000:
        return
    even = bool((np.bincount(labels, minlength=10) == 6_000).all())
    if even != (kind.name == "fashion_mnist"):
        other = MNIST if kind.name == "fashion_mnist" else FASHION_MNIST
        raise DataError(
            f"{file} holds the labels of {other.name}, not of {kind.name}",
            remedy=f"Keep them apart: {kind.folders[0]}/ and {other.folders[0]}/ in one folder.",
        )
