"""Pictures out of a tar archive that nobody vouches for: read in memory, never unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from striate.data.formats import SUFFIXES
from striate.data.names import printable
from striate.data.tree import Tree, arrange
from striate.data.unpack import LARGEST_TOTAL, unpacked
from striate.errors import DataError

ARCHIVE_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LARGEST_MEMBER = 64 << 20
MOST_MEMBERS = 2_000_000


def scan_archive(path: Path) -> Tree:
    """The pictures of a tar archive (gzip, bzip2, xz or plain), arranged as a folder would be.

    A single folder around everything is looked through. Links, devices and names that climb
    out of the archive are named as problems and never followed. Everything is read, so that the
    checksum of a compressed archive is compared.

    Raises:
        DataError: damaged, or larger than an honest archive of this kind.
    """
    problems: list[str] = []
    with opened_tar(path) as archive:
        members = list(_members(path, archive, problems))
    tree = arrange(printable(str(path)), _unwrapped(members))
    tree.problems += problems
    return tree


@contextmanager
def opened_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar archive to be read forward; what its reader leaves is read at the end.

    Raises:
        DataError: damaged anywhere up to its end, its checksum included, or a bomb.
    """
    try:
        with unpacked(path) as stream:
            with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive:
                yield archive
            stream.drain()
    except DataError:
        raise
    except Exception as error:  # a damaged archive makes its readers raise almost anything
        raise DataError(
            f"{printable(str(path))} is damaged or not a tar archive ({error})",
            remedy="Fetch the file again; a broken download is the usual cause.",
        ) from None


def _members(
    path: Path, archive: tarfile.TarFile, problems: list[str]
) -> Iterator[tuple[str, bytes]]:
    total = 0
    for count, member in enumerate(archive):
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header
        total += member.size
        if not 0 <= member.size <= LARGEST_MEMBER or total > LARGEST_TOTAL or count >= MOST_MEMBERS:
            raise DataError(
                f"{printable(str(path))}: '{printable(member.name)}' takes it over a limit: "
                f"{member.size:,} bytes in the file, {total:,} in all, {count + 1:,} members",
                remedy=f"Limits are {LARGEST_MEMBER:,} bytes per file, {LARGEST_TOTAL:,} in all. "
                "Unpack it yourself and give the folder.",
            )
        if member.isdir():
            continue
        name = PurePosixPath(member.name)
        if reason := _left_out(member, name):
            problems.append(f"'{printable(member.name)}' is {reason}: left out")
            continue
        is_picture = name.suffix.lower() in SUFFIXES
        stream = archive.extractfile(member) if is_picture else None
        yield name.as_posix(), b"" if stream is None else stream.read()


def _left_out(member: tarfile.TarInfo, name: PurePosixPath) -> str:
    if not member.isreg():
        return "a link or device"
    if member.issparse():  # its holes are unpacked from nothing
        return "a sparse file"
    return "a name outside the archive" if name.is_absolute() or ".." in name.parts else ""


def _unwrapped(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    pictures = [name for name, _ in members if PurePosixPath(name).suffix.lower() in SUFFIXES]
    heads = {name.split("/", 1)[0] for name in pictures}
    if len(heads) != 1 or not all(name.count("/") >= 2 for name in pictures):
        return members
    inside = heads.pop() + "/"
    return [(name.removeprefix(inside), data) for name, data in members]
