"""Data sets by name, and anything else as a folder of pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from striate.data.archive import ARCHIVE_SUFFIXES, scan_archive
from striate.data.cifar10 import load_cifar10
from striate.data.dataset import DataSet, Share
from striate.data.digits import load_digits
from striate.data.mnist import FASHION_MNIST, MNIST, load_idx_set
from striate.data.names import written
from striate.data.pictures import IN_MEMORY, Progress, from_tree
from striate.data.tree import LAYOUT, Tree, scan
from striate.errors import DataError, IdleSettingError, UnknownNameError, did_you_mean


def _digits(
    *, data_dir: Path | None = None, progress: Progress | None = None, **settings: object
) -> DataSet:
    return load_digits(**settings)  # type: ignore[arg-type]  # passed on as they came


NAMES: Mapping[str, Callable[..., DataSet]] = MappingProxyType(
    {
        "digits": _digits,
        "mnist": partial(load_idx_set, MNIST),
        "fashion_mnist": partial(load_idx_set, FASHION_MNIST),
        "cifar10": load_cifar10,
    }
)

DOWNLOADED = tuple(name for name in NAMES if name != "digits")
"""Data sets whose files lie in a folder; scikit-learn brings the digits along."""


def load(
    name_or_folder: str | Path,
    *,
    data_dir: Path | str | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: Share = None,
    seed: int = 0,
    judging: bool = False,
    progress: Progress | None = None,
    in_memory: int = IN_MEMORY,
) -> DataSet:
    """A data set by name (`NAMES`), or a folder (or tar archive) of pictures in class folders.

    Args:
        name_or_folder: `mnist`; or a folder with `<class>/*` or `{train,val,test}/<class>/*`.
        data_dir: where the files of named data sets lie; `STRIATE_DATA` is looked at next.
        size: (height, width) to resize to; None keeps the set's own.
        channels: 1 or 3; None keeps the set's own.
        validation: share of the training pictures to set aside, a fraction or a count; 0 keeps
            all for training. None takes 5,000 of MNIST's and a tenth of the others'. A folder
            with pictures for validation uses those.
        seed: chooses the validation pictures.
        judging: for a folder whose pictures are only judged: nothing is set aside. All pictures
            of a folder that is not split are its test pictures, and no class needs any to learn
            from.
        progress: called with (done, total, what) while files are fetched and decoded.
        in_memory: bytes of decoded pictures above which a folder is streamed.

    Raises:
        DataError: pictures, files or folders that cannot be used.
        IdleSettingError: a place for pictures that are not looked for there.
        UnknownNameError: neither a name nor a folder.

    >>> load("digits").shape
    (1, 8, 8)
    """
    _check(size, channels, seed)
    settings = {
        "size": size and (size[0], size[1]),
        "channels": channels,
        "validation": validation,
        "seed": seed,
    }
    text = str(name_or_folder)
    name = named(name_or_folder)
    tree = None if name else tree_of(text)
    if data_dir is not None and kept_place(name_or_folder, data_dir) is None:
        raise IdleSettingError(
            f"data_dir is {data_dir}, which does nothing where the pictures are {text}",
            setting="data_dir",
            remedy=f"It says where {' or '.join(DOWNLOADED)} lie: leave it out.",
        )
    if tree is None:
        place = None if data_dir is None else expanded(data_dir)
        return NAMES[name](data_dir=place, progress=progress, **settings)
    return from_tree(
        tree,
        name=text,
        judging=judging,
        progress=progress,
        in_memory=in_memory,
        **settings,  # type: ignore[arg-type]
    )


def kept_place(name_or_folder: str | Path, place: Path | str | None) -> Path | str | None:
    """Where a data set lies, as it was once named; None for one that is not looked for there."""
    return place if named(name_or_folder) in DOWNLOADED else None


def named(name_or_folder: str | Path) -> str:
    """The data set's name in `NAMES`, or an empty text when a folder is meant."""
    name = str(name_or_folder).lower().replace("-", "_")
    return name if name in NAMES and isinstance(name_or_folder, str) else ""


def tree_of(text: str) -> Tree:
    """The pictures in a folder or archive, by the names of folders.

    Raises:
        DataError: no pictures where they belong.
        UnknownNameError: there is no such folder.
    """
    folder = expanded(text)
    if not text.strip() or (len(folder.parts) == 1 and not exists(folder)):
        raise UnknownNameError(
            f"no data set or folder is called {text!r}",
            remedy=f"{did_you_mean(text, NAMES)} Data sets: {', '.join(NAMES)}.\n{LAYOUT}".strip(),
        )
    written(text, "data folder")  # the run that learns from it writes it down
    packed = folder.is_file() and folder.name.lower().endswith(ARCHIVE_SUFFIXES)
    return scan_archive(folder) if packed else scan(folder)


def expanded(place: str | Path) -> Path:
    """A path whose ~ is the home folder.

    Raises:
        DataError: there is no such user.
    """
    try:
        return Path(place).expanduser()
    except RuntimeError:
        raise DataError(
            f"{place} names a home folder that does not exist",
            remedy="Write the path out, or ./ before a folder whose name begins with ~.",
        ) from None


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; a name longer than any has none."""
    try:
        return path.exists()
    except OSError:  # a name too long for any file
        return False


def _check(size: tuple[int, int] | None, channels: int | None, seed: int) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise DataError(f"a seed is a whole number of 0 or more, not {seed!r}")
    if channels not in (None, 1, 3):
        raise DataError(f"pictures have 1 (gray) or 3 (color) channels, not {channels!r}")
    legal = size is None or (
        isinstance(size, tuple | list)
        and len(size) == 2
        and all(isinstance(side, int) and side > 0 for side in size)
    )
    if not legal:
        raise DataError(f"a size is (height, width) of 1 or more pixels, not {size!r}")
