"""Building on first use: the cache, its key, processes starting at once, every way to fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from striate.errors import SettingError
from striate.fused import build

SOURCE = """
#include "number.hpp"
#ifndef SCALE
#define SCALE 1
#endif
extern "C" int answer() { return SCALE * NUMBER; }
"""


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "csrc"
    folder.mkdir()
    (folder / "tiny.cpp").write_text(SOURCE)
    (folder / "number.hpp").write_text("#define NUMBER 21\n")
    monkeypatch.setattr(build, "SOURCES", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("STRIATE_FUSED", "on")
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    for each in (build._library, build.compiler, build._note, build._note_folder):
        each.cache_clear()


def _built() -> list[Path]:
    return sorted(build.cache_folder().glob("tiny-*.so"))


@pytest.mark.compiler
def test_builds_once_and_specializes(sources: Path) -> None:
    assert build.library("tiny").answer() == 21
    assert build.library("tiny", {"SCALE": 2}).answer() == 42
    files = _built()
    assert len(files) == 2
    before = [path.stat().st_mtime_ns for path in files]
    _forget()
    assert build.library("tiny").answer() == 21
    assert [path.stat().st_mtime_ns for path in _built()] == before


@pytest.mark.compiler
def test_a_changed_header_is_a_new_library(sources: Path) -> None:
    build.library("tiny")
    (sources / "number.hpp").write_text("#define NUMBER 22\n")
    _forget()
    assert build.library("tiny").answer() == 22
    assert len(_built()) == 2


@pytest.mark.compiler
def test_a_damaged_library_is_built_again(sources: Path) -> None:
    build.library("tiny")
    [path] = _built()
    whole = path.read_bytes()
    for damaged in (b"not a library", whole[:4096], whole[:-1] + b"!", b""):
        stem = path.with_name(path.name.rpartition("-")[0])
        path.unlink()
        path.write_bytes(damaged)
        assert build._kept(stem) is None, "a library cut short ends the process that calls it"
        assert not path.exists()
        _forget()
        assert build.library("tiny").answer() == 21
        assert _built() == [path]


@pytest.mark.compiler
def test_a_link_in_place_of_a_library_is_not_followed(sources: Path, tmp_path: Path) -> None:
    build.library("tiny")
    [path] = _built()
    path.rename(tmp_path / "elsewhere.so")
    path.symlink_to(tmp_path / "elsewhere.so")
    _forget()
    assert build.library("tiny").answer() == 21
    assert not path.is_symlink()


FOLDERS = {
    "others may write": lambda folder: folder.chmod(0o777),
    "the group may write": lambda folder: folder.chmod(0o770),
    "others may write to its parent": lambda folder: folder.parent.chmod(0o777),
    "it is a link": lambda folder: (
        folder.rename(folder.parent / "real"),
        folder.symlink_to("real"),
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
@pytest.mark.compiler
def test_a_folder_that_is_not_ours_alone_is_not_used(
    case: str, sources: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A library of the right name could have been put there by anybody."""
    build.library("tiny")
    folder, [planted] = build.cache_folder(), _built()
    FOLDERS[case](folder)
    _forget()
    assert build.library("tiny").answer() == 21
    build.cache_folder()
    assert [str(folder.parent) in record.getMessage() for record in caplog.records] == [True]
    assert not Path(build._library("tiny", ())._name).is_relative_to(folder.parent)
    assert planted.name in os.listdir(folder)


def test_another_users_folder_is_not_used(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = build.cache_folder()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert build.cache_folder() != folder


def test_the_folder_is_ours_alone(sources: Path) -> None:
    folder = build.cache_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    assert build.cache_folder() == folder
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.compiler
def test_processes_may_start_at_once(sources: Path) -> None:
    program = (
        "from pathlib import Path; from striate.fused import build;"
        f"build.SOURCES = Path({str(sources)!r}); print(build.library('tiny').answer())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in started] == ["21"] * 3
    assert len(_built()) == 1
    assert not list(build.cache_folder().glob("*.tmp"))


@pytest.mark.compiler
def test_a_failing_build_says_why_and_leaves_nothing(sources: Path) -> None:
    (sources / "tiny.cpp").write_text("#error this source is broken\n")
    with pytest.raises(build.Unavailable, match=r"could not build tiny\.cpp") as caught:
        build.library("tiny")
    assert "this source is broken" in str(caught.value)
    assert not list(build.cache_folder().iterdir())


@pytest.mark.compiler
def test_what_killed_builds_left_is_removed(sources: Path) -> None:
    limit, folder = build.BUILD_SECONDS * len(build.NATIVE), build.cache_folder()
    stale, under_way = folder / "tiny-one.tmp", folder / "tiny-two.tmp"
    for path, age in ((stale, limit + 60), (under_way, limit - 60)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    assert build.library("tiny").answer() == 21
    assert list(folder.glob("*.tmp")) == [under_way]


def test_no_compiler_is_a_reason(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler -O1")
    with pytest.raises(build.Unavailable, match="no-such-compiler"):
        build.library("tiny")


def test_off_never_builds(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "off")
    with pytest.raises(build.Unavailable, match="STRIATE_FUSED=off"):
        build.library("tiny")
    assert not _built()


def test_the_note_comes_once(
    sources: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reason = build.Unavailable("there is no C++ compiler")
    build.fall_back(reason)
    build.fall_back(reason)
    assert [record.message for record in caplog.records] == [
        "Fused kernels are not used, plain PyTorch runs instead: there is no C++ compiler"
    ]
    monkeypatch.setenv("STRIATE_FUSED", "require")
    with pytest.raises(build.Unavailable):
        build.fall_back(reason)


def test_an_unknown_mode_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "fast")
    with pytest.raises(SettingError, match="off"):
        build.mode()


def test_a_read_only_home_builds_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    folder = build.cache_folder()
    assert folder.is_dir()
    assert tmp_path not in folder.parents
