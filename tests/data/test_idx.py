"""IDX files: whole ones are read, every kind of broken one is refused with its numbers."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from data.making import idx_bytes, idx_folder
from striate.data import load
from striate.data.idx import read_idx
from striate.errors import DataError

ARRAY = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
WHOLE = idx_bytes(ARRAY)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_whole_file_is_read(tmp_path: Path, pack) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(WHOLE))
    assert np.array_equal(read_idx(path, 3), ARRAY)


BROKEN = {
    "empty": (b"", "it has 0 bytes; the header alone takes 16"),
    "short header": (WHOLE[:9], "it has 9 bytes; the header alone takes 16"),
    "another magic": (b"\x89PNG" + WHOLE[4:], "it begins with 89 50 4e 47"),
    "floats": (bytes((0, 0, 13, 3)) + WHOLE[4:], "it begins with 00 00 0d 03"),
    "labels for pictures": (idx_bytes(ARRAY.reshape(30)), "00 00 08 01, IDX of this kind with 00"),
    "a byte short": (WHOLE[:-1], "2x3x5 = 30 bytes, 29 follow"),
    "trailing bytes": (WHOLE + b"\0", "2x3x5 = 30 bytes, more than 30 follow"),
    "nothing in it": (bytes((0, 0, 8, 3)) + struct.pack(">3I", 0, 28, 28), "0x28x28"),
    "a giant claim": (bytes((0, 0, 8, 3)) + b"\xff" * 12, "claims 79,228,162,458,924"),
    "truncated gzip": (gzip.compress(WHOLE)[:-9], "damaged or cut short"),
    "flipped gzip": (gzip.compress(WHOLE)[:-6] + b"\0" * 6, "damaged or cut short"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_its_numbers(tmp_path: Path, case: str) -> None:
    data, says = BROKEN[case]
    path = tmp_path / "train-images"
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_idx(path, 3)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(WHOLE + bytes(50_000_000)))
    with pytest.raises(DataError, match="more than 30 follow"):
        read_idx(path, 3)


@pytest.mark.parametrize("place", ["mnist", "MNIST/raw", "MNIST", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_is_found_where_people_keep_it(tmp_path: Path, place: str, packed: bool) -> None:
    idx_folder(tmp_path / place, packed=packed)
    data = load("mnist", data_dir=tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (117, 13, 40)
    assert data.shape == (1, 28, 28)


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch) -> None:
    idx_folder(tmp_path / "mnist")
    monkeypatch.setenv("STRIATE_DATA", str(tmp_path))
    data = load("MNIST", validation=0)
    assert data.validation is None
    assert len(data.train) == 130


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    root = idx_folder(tmp_path / "mnist")
    (root / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="3 of the 4 files of mnist; missing: t10k-labels-idx1"):
        load("mnist", data_dir=tmp_path)


def test_counts_that_differ_are_told(tmp_path: Path) -> None:
    root = idx_folder(tmp_path / "mnist", packed=False)
    (root / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(39, dtype=np.uint8)))
    with pytest.raises(DataError, match=r"has 40 pictures, .* has 39 labels"):
        load("mnist", data_dir=tmp_path)


def test_a_label_beyond_the_classes_is_told(tmp_path: Path) -> None:
    root = idx_folder(tmp_path / "mnist", packed=False)
    (root / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(np.full(40, 11, dtype=np.uint8)))
    with pytest.raises(DataError, match=r"mnist, test: label 11 names none of the 10 classes"):
        load("mnist", data_dir=tmp_path)


def test_fashion_files_are_not_taken_for_digits(tmp_path: Path) -> None:
    root = idx_folder(tmp_path, packed=False)
    even = np.arange(60_000) % 10
    (root / "train-labels-idx1-ubyte").write_bytes(idx_bytes(even.astype(np.uint8)))
    (root / "train-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((60_000, 1, 1), np.uint8)))
    with pytest.raises(DataError, match="holds the labels of fashion_mnist, not of mnist"):
        load("mnist", data_dir=tmp_path)


def test_a_data_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        load("mnist", data_dir=tmp_path / "nowhere")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_pipe_or_a_device_is_not_read(make, tmp_path: Path) -> None:
    make(tmp_path / "images")
    with pytest.raises(DataError, match=r"images is a (pipe|device|folder)"):
        read_idx(tmp_path / "images", 3)
