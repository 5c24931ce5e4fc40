"""What pictures may come as: the one table of kinds, each read into the same tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from striate.data.archive import ARCHIVE_SUFFIXES, scan_archive
from striate.data.dataset import DataSet
from striate.data.listed import scan_table
from striate.data.names import written
from striate.data.npz import scan_npz
from striate.data.paired import is_paired, tree_of_pairs
from striate.data.torch_sets import is_torch_set
from striate.data.tree import LAYOUT, Tree, scan
from striate.errors import DataError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from torch.utils.data import DataLoader, Dataset

Source: TypeAlias = (
    "str | Path | Tree | tuple[Any, Any] | list[Any] | Mapping[str, Any] | Dataset[Any] | "
    "DataLoader[Any]"
)
"""A name, a folder or file, pictures with labels in arrays or data sets, or the tree of them."""

NAMED = ("digits", "mnist", "fashion_mnist", "cifar10")
"""Data sets that have a name (`catalog.NAMES` says how each is loaded)."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file that holds pictures or names them.

    Args:
        what: in words.
        suffixes: how its name ends.
        scan: its tree.
    """

    what: str
    suffixes: tuple[str, ...]
    scan: Callable[[Path], Tree]


FILES = (
    FileKind("a tar archive of class folders", ARCHIVE_SUFFIXES, scan_archive),
    FileKind("a table of paths and labels", (".csv", ".tsv"), scan_table),
    FileKind("arrays of pictures and labels", (".npz",), scan_npz),
)

VALUES: tuple[tuple[Callable[[object], bool], Callable[[Any], Tree]], ...] = (
    (lambda given: isinstance(given, Tree), lambda given: given),
    (lambda given: isinstance(given, str | Path), lambda given: _tree_in(str(given))),
    (is_paired, tree_of_pairs),
    (is_torch_set, lambda given: tree_of_pairs({"": given})),
)
"""What Python may hand over, and how it is read."""


def tree_of(source: Source) -> Tree:
    """The pictures of a folder, file or arrays, each with its class; nothing is decoded.

    Raises:
        DataError: no pictures where they belong.
        UnknownNameError: there is no such folder.
    """
    for is_kind, read in VALUES:
        if is_kind(source):
            return read(source)
    raise DataError(
        f"data of the type {type(source).__name__} is not read",
        remedy="Give a name, a folder, a file, a Dataset, or pictures and labels: (x, y).",
    )


def called(source: DataSet | str | Path | Tree) -> str:
    """What to call it: its name or path."""
    if isinstance(source, DataSet):
        return source.name
    return source.root if isinstance(source, Tree) else str(source)


def kept_as_it_is(source: Source) -> str | Path | Tree:
    """A word as it is; anything else read once, so that nothing is read twice."""
    return source if isinstance(source, str | Path) else tree_of(source)


def _tree_in(text: str) -> Tree:
    path = expanded(text)
    if text.startswith("<") and text.endswith(">") and not exists(path):
        raise DataError(
            f"the pictures were handed over in Python as {text}, and no file holds them",
            remedy="Hand them over again: data=(x, y).",
        )
    kind = next((each for each in FILES if path.name.lower().endswith(each.suffixes)), None)
    if kind is not None and not path.is_dir():
        written(text, "data file")  # the run that learns from it writes it down
        return kind.scan(path)
    if not text.strip() or (len(path.parts) == 1 and not exists(path)):
        raise UnknownNameError(
            f"no data set or folder is called {text!r}",
            remedy=f"{did_you_mean(text, NAMED)} Data sets: {', '.join(NAMED)}.\n{LAYOUT}".strip(),
        )
    written(text, "data folder")
    return scan(path)


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
