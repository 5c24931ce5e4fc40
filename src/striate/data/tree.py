"""Which file belongs to which split and class, read from the names of folders alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from striate.data.decode import PixelArray
from striate.data.formats import SUFFIXES
from striate.data.names import printable, written
from striate.errors import DataError

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
LAYOUT = """\
Expected are pictures in a folder a class, split or not:
  pictures/cat/1.png              pictures/train/cat/1.png
  pictures/cat/2.jpg      or      pictures/val/cat/2.png
  pictures/dog/1.png              pictures/test/dog/3.png"""


@dataclass(frozen=True)
class Entry:
    """One picture file.

    Args:
        split: "train", "validation", "test", or "" when the folder is not split.
        label: the name of its class, in Unicode's composed form.
        name: its path inside the root, for people.
        source: a path, the bytes of the file, or the picture: uint8, C x H x W.
        key: what decides whether it is held out for testing; empty for its name.
    """

    split: str
    label: str
    name: str
    source: Path | bytes | PixelArray
    key: bytes = b""


@dataclass
class Tree:
    """What was found: pictures, what was passed over, what was decided, and what is expected."""

    root: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    expected: str = LAYOUT

    @property
    def is_split(self) -> bool:
        """Whether the root has train and test folders of its own."""
        return any(entry.split for entry in self.entries)


def skipped(part: str) -> bool:
    """Whether a folder or file is bookkeeping: hidden, a notebook's copies, an archive's."""
    return part.startswith(".") or part in ("__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini")


def scan(root: Path) -> Tree:
    """The pictures under a folder.

    Raises:
        DataError: no folder, a file instead of a folder, or no pictures where they belong.
    """
    if not root.exists():
        raise DataError(f"there is no folder {root}", remedy=LAYOUT)
    if not root.is_dir():
        raise DataError(f"{root} is a file, not a folder of pictures", remedy=LAYOUT)
    try:
        files = sorted(_files(root, set()))
        folders = [each.relative_to(root).as_posix() for each in _folders(root)]
    except OSError as error:
        raise DataError(
            f"{error.filename or root} cannot be read: {error.strerror or error}"
        ) from None
    members = [(path.relative_to(root).as_posix(), path) for path in files]
    return arrange(str(root), members, folders=folders)


def _files(folder: Path, seen: set[Path]) -> Iterator[Path]:
    # Linked folders are followed, each real folder once: a link to a parent would never end.
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    for child in folder.iterdir():
        if skipped(child.name):
            continue
        if child.is_dir():
            yield from _files(child, seen)
        elif child.is_file() or child.suffix.lower() in SUFFIXES:
            yield child  # a pipe or a link to nothing will be named when it cannot be read


def _folders(root: Path) -> list[Path]:
    """The folders right under the root, and right under those."""
    two = [
        *root.iterdir(),
        *(each for child in root.iterdir() if child.is_dir() for each in child.iterdir()),
    ]
    return sorted(
        each
        for each in two
        if each.is_dir() and not any(map(skipped, each.relative_to(root).parts))
    )


def arrange(
    root: str, members: Iterable[tuple[str, Path | bytes]], *, folders: Iterable[str] = ()
) -> Tree:
    """Sort files into splits and classes by their names.

    Args:
        members: (path inside the root with forward slashes, what to read).
        folders: the folders inside the root, two levels deep, for naming those without pictures.

    Raises:
        DataError: no picture lies in a class folder, or the name of one cannot be written.
    """
    tree = Tree(root)
    pictures, others = _sorted_out(members)
    if others:
        kinds = ", ".join(f"{kind or 'no suffix'} {n}" for kind, n in sorted(others.items()))
        tree.problems.append(f"{others.total()} files are not pictures: {printable(kinds)}")
    if heic := others[".heic"] + others[".heif"]:
        tree.notes.append(f"HEIC pictures ({heic:,}) are not read: save them as JPEG or PNG")
    split = _looks_split([parts for parts, _ in pictures])
    tree.problems += _place(tree, pictures, split)
    if not tree.entries:
        found = "".join(f"; {each}" for each in (*tree.problems, *tree.notes))
        raise DataError(f"no pictures in class folders under {root}{found}", remedy=LAYOUT)
    depth = 2 if split else 1
    seen = {tuple(entry.name.split("/")[:depth]) for entry in tree.entries}
    for name in folders:
        parts = tuple(name.split("/"))
        if len(parts) == depth and parts not in seen and (not split or parts[0].lower() in SPLITS):
            tree.problems.append(f"class {printable(name)} has no pictures: left out")
    return tree


FoundPicture = tuple[tuple[str, ...], Path | bytes]


def _sorted_out(
    members: Iterable[tuple[str, Path | bytes]],
) -> tuple[list[FoundPicture], Counter[str]]:
    pictures: list[FoundPicture] = []
    others: Counter[str] = Counter()
    for name, source in members:
        path = PurePosixPath(name)
        if any(map(skipped, path.parts)):
            continue
        if path.suffix.lower() in SUFFIXES:
            pictures.append((path.parts, source))
        else:
            others[path.suffix.lower()] += 1
    return pictures, others


def _looks_split(paths: list[tuple[str, ...]]) -> bool:
    """Split when pictures of `train` (or of `test`, `val`) lie in class folders below it.

    A class may itself be called `train`; then its pictures lie right in it.
    """
    below = {SPLITS[parts[0].lower()] for parts in paths if parts[0].lower() in SPLITS}
    direct = {
        SPLITS[parts[0].lower()]
        for parts in paths
        if parts[0].lower() in SPLITS and len(parts) == 2
    }
    only_splits = all(parts[0].lower() in SPLITS for parts in paths if len(parts) > 1)
    if "train" in below and "train" not in direct:
        return True
    return bool(below) and only_splits and not direct


def _place(tree: Tree, pictures: list[FoundPicture], split: bool) -> list[str]:
    stray: Counter[str] = Counter()
    labels: dict[str, str] = {}
    depth = 1 if split else 0
    for parts, source in pictures:
        head = SPLITS.get(parts[0].lower(), "") if split else ""
        if len(parts) < depth + 2 or (split and not head):
            stray[parts[0] if len(parts) > 1 else "the root"] += 1
            continue
        folder = parts[depth]
        if folder not in labels:
            labels[folder] = written(folder, "class folder")
        tree.entries.append(Entry(head, labels[folder], "/".join(parts), source))
    tree.notes += _joined_spellings(labels)
    return [
        f"{count} pictures in {printable(place)} belong to no class: left out"
        for place, count in sorted(stray.items())
    ]


def _joined_spellings(labels: Mapping[str, str]) -> list[str]:
    # macOS writes é as two characters, Linux and Windows as one; a person sees one name. Folders
    # that were copied from one to the other are one class, between splits and within.
    spelled = Counter(labels.values())
    return [
        f"folders called {name} in {count} Unicode forms are one class"
        for name, count in sorted(spelled.items())
        if count > 1
    ]
