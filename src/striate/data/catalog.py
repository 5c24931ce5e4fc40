"""Data sets by name, and anything else by what it is (`sources.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from striate.data.cifar10 import load_cifar10
from striate.data.dataset import DataSet, Share
from striate.data.digits import load_digits
from striate.data.download import Progress
from striate.data.mnist import FASHION_MNIST, MNIST, load_idx_set
from striate.data.pictures import IN_MEMORY, from_tree
from striate.data.sources import NAMED, Source, called, expanded, kept_as_it_is, tree_of
from striate.errors import DataError, IdleSettingError


def _digits(
    *, data_dir: Path | None = None, progress: Progress | None = None, **settings: object
) -> DataSet:
    return load_digits(**settings)  # type: ignore[arg-type]  # passed on as they came


NAMES: Mapping[str, Callable[..., DataSet]] = MappingProxyType(
    dict(
        zip(
            NAMED,
            (
                _digits,
                partial(load_idx_set, MNIST),
                partial(load_idx_set, FASHION_MNIST),
                load_cifar10,
            ),
            strict=True,
        )
    )
)

DOWNLOADED = tuple(name for name in NAMES if name != "digits")
"""Data sets whose files lie in a folder; scikit-learn brings the digits along."""


def load(
    source: Source,
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
    """A data set by name (`NAMES`), or pictures of your own.

    Args:
        source: `mnist`; a folder (or tar archive) with `<class>/*` or
            `{train,val,test}/<class>/*`; arrays (x, y), or a table of such pairs by split
            (`striate.data.paired`).
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
    name = named(source)
    source = kept_as_it_is(source)
    tree = None if name else tree_of(source)
    text = called(source)
    if data_dir is not None and kept_place(source, data_dir) is None:
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


def kept_place(source: Source, place: Path | str | None) -> Path | str | None:
    """Where a data set lies, as it was once named; None for one that is not looked for there."""
    return place if named(source) in DOWNLOADED else None


def named(source: Source) -> str:
    """The data set's name in `NAMES`, or an empty text when something else is meant."""
    name = source.lower().replace("-", "_") if isinstance(source, str) else ""
    return name if name in NAMES else ""


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
