"""Pictures out of a tar archive that nobody vouches for: read in memory, never unpacked."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from striate.data.formats import SUFFIXES
from striate.data.tree import Tree, arrange
from striate.errors import DataError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LARGEST_MEMBER = 64 << 20
LARGEST_TOTAL = 4 << 30
MOST_MEMBERS = 2_000_000


def scan_archive(path: Path) -> Tree:
    """The pictures of a tar archive (gzip, bzip2, xz or plain), arranged as a folder would be.

    A single folder around everything is looked through. Links, devices and names that climb
    out of the archive are named as problems and never followed.

    Raises:
        DataError: damaged, or larger than an honest archive of this kind.
    """
    problems: list[str] = []
    try:
        with tarfile.open(path, "r:*") as archive:
            members = list(_members(path, archive, problems))
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise DataError(
            f"{path} is damaged or not a tar archive ({error})",
            remedy="Fetch the file again; a broken download is the usual cause.",
        ) from None
    tree = arrange(str(path), _unwrapped(members))
    tree.problems += problems
    return tree


def _members(
    path: Path, archive: tarfile.TarFile, problems: list[str]
) -> Iterator[tuple[str, bytes]]:
    total = 0
    for count, member in enumerate(archive):
        total += member.size
        if member.size > LARGEST_MEMBER or total > LARGEST_TOTAL or count >= MOST_MEMBERS:
            raise DataError(
                f"{path}: {member.name!r} takes it over a limit: {member.size:,} bytes in the "
                f"file, {total:,} in all, {count + 1:,} members",
                remedy=f"Limits are {LARGEST_MEMBER:,} bytes a file and {LARGEST_TOTAL:,} in all. "
                "Unpack it yourself and give the folder.",
            )
        if member.isdir():
            continue
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or not member.isreg():
            kind = "a name outside the archive" if member.isreg() else "a link or device"
            problems.append(f"{member.name!r} is {kind}: left out")
            continue
        stream = archive.extractfile(member)
        if stream is not None:
            yield name.as_posix(), stream.read()
    # The checksum of a gzip file stands behind everything; only reading on compares it.
    while archive.fileobj is not None and archive.fileobj.read(1 << 20):
        total += 1 << 20
        if total > LARGEST_TOTAL:
            raise DataError(f"{path}: more than {LARGEST_TOTAL:,} bytes behind the last file")


def _unwrapped(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    pictures = [name for name, _ in members if PurePosixPath(name).suffix.lower() in SUFFIXES]
    heads = {name.split("/", 1)[0] for name in pictures}
    if len(heads) != 1 or not all(name.count("/") >= 2 for name in pictures):
        return members
    inside = heads.pop() + "/"
    return [(name.removeprefix(inside), data) for name, data in members]
