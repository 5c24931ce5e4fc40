"""Archives from nobody knows where: read in memory, limited, never unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest

from data.making import color, encoded, member, tar
from striate.data import archive, cifar10, load, unpack
from striate.data.archive import scan_archive
from striate.data.idx import read_idx
from striate.errors import DataError

NAMES = ("cat", "dog")


def honest(root: str = "cifar10/") -> list[tuple[tarfile.TarInfo, bytes]]:
    return [
        member(f"{root}{split}/{name}/{i}.png", encoded(color(i + 100 * place, 32, 32)))
        for split, count in (("train", 6), ("test", 2))
        for place, name in enumerate(NAMES)
        for i in range(count)
    ]


@pytest.mark.parametrize("root", ["cifar10/", "", "./"])
def test_an_archive_is_arranged_as_a_folder_would_be(tmp_path: Path, root: str) -> None:
    members = [*honest(root), member(f"{root}README.md", b"x")]
    tree = scan_archive(tar(tmp_path / "x.tar.gz", members))
    assert {(entry.split, entry.label) for entry in tree.entries} == {
        (split, name) for split in ("train", "test") for name in NAMES
    }
    assert tree.problems == ["1 files are not pictures: .md 1"]


def test_cifar10_is_read_from_its_archive(tmp_path: Path) -> None:
    (tmp_path / "cifar10").mkdir()
    tar(tmp_path / "cifar10" / "cifar10-jpeg.tar.gz", honest())
    data = load("cifar10", data_dir=tmp_path, validation=2)
    assert data.name == "cifar10"
    assert data.shape == (3, 32, 32)
    assert (len(data.train), len(data.validation), len(data.test)) == (10, 2, 4)
    assert data.train.paths[0] == "train/cat/0.png"


def test_hostile_members_are_named_and_left_out(tmp_path: Path) -> None:
    link, hard, device = (tarfile.TarInfo(f"cifar10/train/cat/{n}.png") for n in "abc")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "../../outside.png"
    device.type = tarfile.CHRTYPE
    picture = encoded(color(1))
    evil = [
        member("../../escape.png", picture),
        member("/tmp/absolute.png", picture),
        (link, b""),
        (hard, b""),
        (device, b""),
    ]
    before = sorted(tmp_path.rglob("*"))
    tree = scan_archive(tar(tmp_path / "x.tar.gz", [*evil, *honest()]))
    assert len(tree.entries) == len(honest())
    assert [problem.rsplit(": ", 1)[0].split(" is ")[1] for problem in tree.problems] == [
        "a name outside the archive",
        "a name outside the archive",
        "a link or device",
        "a link or device",
        "a link or device",
    ]
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "x.tar.gz"])


@pytest.mark.parametrize(
    ("limit", "value"), [("LARGEST_MEMBER", 1000), ("LARGEST_TOTAL", 9000), ("MOST_MEMBERS", 5)]
)
def test_limits_stop_a_bomb(tmp_path: Path, monkeypatch, limit: str, value: int) -> None:
    monkeypatch.setattr(archive, limit, value)
    path = tar(tmp_path / "x.tar.gz", honest())
    with pytest.raises(DataError, match="takes it over a limit"):
        scan_archive(path)


def test_a_member_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("train/cat/1.png")
    info.size = 1 << 40
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(10_000)))
    with pytest.raises(DataError, match=r"1,099,511,627,776 bytes"):
        scan_archive(path)


@pytest.mark.parametrize("keep", [0, 5, 100, 3000, -20])
def test_a_truncated_archive_is_told(tmp_path: Path, keep: int) -> None:
    path = tar(tmp_path / "x.tar.gz", honest())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"x\.tar\.gz"):
        scan_archive(path)


def test_something_else_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(b"PK\x03\x04 not a tar")
    with pytest.raises(DataError, match="damaged or not a tar archive"):
        scan_archive(path)


def test_an_empty_archive_is_told(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz"):
        pass
    path = tmp_path / "x.tar.gz"
    path.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match="no pictures in class folders"):
        scan_archive(path)


def binary(count: int = 20) -> tuple[np.ndarray, list[tuple[tarfile.TarInfo, bytes]]]:
    """Six files of the binary version: records of a label and three planes."""
    random = np.random.default_rng(2)
    records = random.integers(0, 256, (6, count, 3073), dtype=np.uint8)
    records[:, :, 0] = np.arange(count) % 10
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    members = [
        member(f"cifar-10-batches-bin/{name}", part.tobytes())
        for name, part in zip(names, records, strict=True)
    ]
    return records, [member("cifar-10-batches-bin/readme.html", b"x"), *members]


def test_the_binary_version_is_read(tmp_path: Path) -> None:
    records, members = binary()
    tar(tmp_path / "cifar-10-binary.tar.gz", members)
    data = load("cifar10", data_dir=tmp_path, validation=0)
    assert data.classes[:4] == ("airplane", "automobile", "bird", "cat")
    assert (len(data.train), len(data.test)) == (100, 20)
    assert data.train.labels[13] == 3
    assert data.train.images[33, 2, 5, 7] == records[1, 13, 1 + 2 * 1024 + 5 * 32 + 7]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda members: members[:-1], "lacks test_batch.bin"),
        (lambda members: [*members[:-1], member("test_batch.bin", bytes(3072))], "3,072 bytes"),
        (lambda members: [*members[:-1], member("test_batch.bin", b"")], "has 0 bytes"),
        (
            lambda members: [*members[:-1], member("test_batch.bin", b"\x0a" * 3073)],
            "label 10 names none of the 10 classes",
        ),
    ],
)
def test_a_broken_binary_version_is_told(tmp_path: Path, change, says: str) -> None:
    tar(tmp_path / "cifar-10-binary.tar.gz", change(binary()[1]))
    with pytest.raises(DataError, match=says):
        load("cifar10", data_dir=tmp_path)


def test_cifar10_nowhere_and_offline_names_the_folder(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("STRIATE_DATA", raising=False)
    monkeypatch.setattr(cifar10, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setattr(cifar10, "cache_folder", lambda name: tmp_path / name)
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz could not be downloaded"):
        load("cifar10", data_dir=tmp_path)


def test_an_archive_can_be_given_by_its_path(tmp_path: Path) -> None:
    data = load(tar(tmp_path / "x.tgz", honest()), validation=0)
    assert (data.classes, len(data.train), len(data.test)) == (NAMES, 12, 4)


PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def packed(name: str, members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """The members as a tar, compressed."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return PACKERS[name](stream.getvalue())


@pytest.mark.parametrize("kind", PACKERS)
def test_one_flipped_bit_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.tar.{kind}"
    whole = packed(kind, honest())
    path.write_bytes(whole)
    assert len(scan_archive(path).entries) == len(honest())
    # What a header says of time, system and name is covered by no checksum of gzip's.
    places = np.random.default_rng(1).integers(10, len(whole), 40).tolist()
    end = len(whole) - (kind == "bz2")  # whose last byte is in part filling
    for place in [*places, *range(end - 8, end)]:
        torn = bytearray(whole)
        torn[place] ^= 1 << place % 8
        path.write_bytes(torn)
        with pytest.raises(DataError, match="damaged or not a tar archive"):
            scan_archive(path)


@pytest.mark.parametrize("kind", PACKERS)
def test_the_checksum_behind_the_binary_version_is_compared(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "cifar-10-binary.tar.gz"  # told by its bytes, not by its name
    whole = packed(kind, binary()[1])
    path.write_bytes(whole)
    assert len(load("cifar10", data_dir=tmp_path, validation=0).train) == 100
    end = len(whole) - (kind == "bz2")
    for place in range(end - 8, end):
        torn = bytearray(whole)
        torn[place] ^= 16
        path.write_bytes(torn)
        with pytest.raises(DataError, match="damaged or not a tar archive"):
            load("cifar10", data_dir=tmp_path)


def zeros(kind: str, head: bytes, length: int) -> bytes:
    """`head` and then zeros, compressed without holding them."""
    packer = {
        "gz": lambda: zlib.compressobj(9, wbits=31),
        "bz2": bz2.BZ2Compressor,
        "xz": lzma.LZMACompressor,
    }[kind]()
    parts = [packer.compress(head)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(length >> 20)]
    return b"".join([*parts, packer.flush()])


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf()


BOMBS = {
    "one picture": header("train/cat/1.bmp", 48 << 20),
    "a file that is no picture": header("train/cat/1.txt", 60 << 20),
    "a long name": header("x", 1 << 30, tarfile.GNUTYPE_LONGNAME),
    "a description": header("x", 1 << 30, tarfile.XHDTYPE),
    "behind the end": bytes(1024),
}


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_while_it_is_small(
    tmp_path: Path, monkeypatch, kind: str, case: str
) -> None:
    monkeypatch.setattr(unpack, "LOOSE", 4 << 20)
    path = tmp_path / f"x.tar.{kind}"
    path.write_bytes(zeros(kind, BOMBS[case], 24 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"looks like an attack|damaged"):
            scan_archive(path)
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_a_packed_idx_file_of_nothing_is_refused_while_it_is_small(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(unpack, "LOOSE", 4 << 20)
    head = bytes((0, 0, 8, 3)) + struct.pack(">3I", 60_000, 28, 28)
    (tmp_path / "x.gz").write_bytes(zeros("gz", head, 48 << 20))
    with pytest.raises(DataError, match="So much out of so little") as caught:
        read_idx(tmp_path / "x.gz", 3)
    assert "unpacks to more than 4," in caught.value.what


def test_sparse_and_negative_members_are_not_unpacked(tmp_path: Path) -> None:
    sparse = tarfile.TarInfo("train/cat/9.png")
    sparse.type = tarfile.GNUTYPE_SPARSE
    block = bytearray(sparse.tobuf())
    block[386:410] = b"00000000000\0" * 2  # a hole of any length, no data
    block[483:495] = b"00000010000\0"
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    path = tmp_path / "x.tar"
    path.write_bytes(bytes(block) + gzip.decompress(packed("gz", honest())))
    tree = scan_archive(path)
    assert tree.problems == ["'train/cat/9.png' is a sparse file: left out"]
    negative = bytearray(header("train/cat/9.png", 0))
    negative[124:136] = b"\xff" * 11 + b"\0"
    negative[148:156] = b"%06o\0 " % (sum(negative[:148]) + 256 + sum(negative[156:]))
    path.write_bytes(bytes(negative) + gzip.decompress(packed("gz", honest())))
    with pytest.raises(DataError, match=r"takes it over a limit|damaged"):
        scan_archive(path)


def test_a_thousand_long_names_in_a_row_are_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes((header("x", 5, tarfile.GNUTYPE_LONGNAME) + b"a.png".ljust(512, b"\0")) * 3000)
    with pytest.raises(DataError, match="damaged or not a tar archive"):
        scan_archive(path)


def test_names_in_an_archive_are_shown_with_escapes(tmp_path: Path) -> None:
    evil = member("../\x1b[2J\udcff.png", encoded(color(1)))
    tree = scan_archive(tar(tmp_path / "x.tar.gz", [evil, *honest()]))
    assert tree.problems == [r"'../\x1b[2J\xff.png' is a name outside the archive: left out"]
