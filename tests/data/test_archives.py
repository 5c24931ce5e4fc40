"""Archives from nobody knows where: read in memory, limited, never unpacked."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from data.making import color, encoded, member, tar
from striate.data import archive, cifar10, load
from striate.data.archive import scan_archive
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
