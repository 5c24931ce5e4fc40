"""The one door for files: what is opened, and what is said of everything else."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from striate.errors import DataError
from striate.files import opened, read_bytes, read_text


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "is missing"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "a pipe": (lambda path: os.mkfifo(path), "is a pipe"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "a socket": (_socket, "is a socket"),
    "a link to nothing": (
        lambda path: path.symlink_to("nowhere"),
        r"is missing\n  It is a link to nowhere",
    ),
    "a link to itself": (
        lambda path: path.symlink_to(path.name),
        r"cannot be read: Too many levels",
    ),
    "too much": (lambda path: path.write_bytes(bytes(101)), "101 bytes, more than 100"),
    "no UTF-8": (lambda path: path.write_bytes(b"INPUT \xff"), "byte 6 is 0xff, not UTF-8"),
}


@pytest.mark.timeout(10)
@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_file_is_refused_at_once(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, message = WRONG[case]
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    make(Path("subject"))
    with pytest.raises(DataError) as refused:
        read_text("subject", DataError, most=100)
    assert re.search(f"subject.*{message}", str(refused.value))


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 5000])
def test_a_name_that_no_file_can_have(name: str) -> None:
    with pytest.raises(DataError, match=r"is not the name of a file|File name too long"):
        read_bytes(name, DataError, most=100)


def test_a_file_that_claims_to_be_empty_is_not_read_without_end(tmp_path: Path) -> None:
    info = Path("/proc/cpuinfo")
    if not info.exists():
        pytest.skip("no /proc here")
    assert len(read_bytes(info, DataError, most=1 << 24)) > info.stat().st_size
    with pytest.raises(DataError, match="larger than 10 bytes"):
        read_bytes(info, DataError, most=10)


def test_links_are_followed_and_a_mark_in_front_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"\xef\xbb\xbfINPUT 5")
    (tmp_path / "link").symlink_to("real")
    assert read_text(tmp_path / "link", DataError) == "INPUT 5"


def test_errors_of_whoever_reads_pass_through(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ValueError, match="mine"), opened(tmp_path / "file", DataError, most=9):
        raise ValueError("mine")
