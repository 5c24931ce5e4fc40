"""A disk that is full, or a folder that is read-only: the path, a remedy, and a way to go on."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from small import SETTINGS, TEXT, assert_same_run, digits

from striate.errors import RunError
from striate.training import Result, resume, train
from striate.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return train(TEXT, digits(), run=tmp_path_factory.mktemp("runs") / "unbroken", **SETTINGS)


def _full_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    """Let the disk be full from the write with this number on."""
    flush, count = os.fsync, iter(range(10_000))

    def fsync(handle: int) -> None:
        if next(count) >= writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    patch.setattr(os, "fsync", fsync)


def _failed(run: Path, writes: int) -> RunError | None:
    """How a run fails whose disk is full after so many writes."""
    with pytest.MonkeyPatch.context() as patch:
        _full_after(patch, writes)
        try:
            train(TEXT, digits(), run=run, **SETTINGS)
        except RunError as full:
            return full
    return None


def test_every_write_that_fails_says_where_and_how_to_go_on(
    unbroken: Result, tmp_path: Path
) -> None:
    number = 0
    while (full := _failed(run := tmp_path / f"full at {number}", number)) is not None:
        assert f"{run}/" in full.what
        assert "No space left on device" in full.what
        assert "Make room" in full.remedy
        assert ("--resume" in full.remedy) == run.exists() == (number > 0)
        if number:
            resume(run, data=digits())
        else:
            train(TEXT, digits(), run=run, **SETTINGS)
        assert_same_run(unbroken.folder, run)
        number += 1
    assert number > 3 * SETTINGS["epochs"]


def test_curves_that_cannot_be_written_say_so_too(
    unbroken: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboardX.record_writer import RecordWriter

    def full(*given: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecordWriter, "flush", full)
        with pytest.raises(RunError, match=r"/events\.out.* cannot be written: No space"):
            train(TEXT, digits(), run=run, **SETTINGS)
    resume(run, data=digits())
    assert_same_run(unbroken.folder, run)


@pytest.mark.parametrize("left", [(), (".lock",), (".lock", ".config.yaml.x1")])
def test_a_folder_in_which_nothing_began_is_taken(
    unbroken: Result, tmp_path: Path, left: tuple[str, ...]
) -> None:
    """What a kill leaves before the first file, and what a person made."""
    run = tmp_path / "run"
    run.mkdir()
    for name in left:
        (run / name).touch()
    with pytest.raises(RunError, match="Begin the run again"):
        resume(run, data=digits())
    train(TEXT, digits(), run=run, **SETTINGS)
    assert_same_run(unbroken.folder, run)
    assert {each.name for each in run.glob(".*")} == {".lock"}


def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="exists already"):
        train(TEXT, digits(), run=tmp_path / "run", **SETTINGS)
    with pytest.raises(RunError, match=r"It holds no config\.yaml"):
        resume(tmp_path / "run", data=digits())
    assert [each.name for each in (tmp_path / "run").iterdir()] == ["notes.txt"]
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file cannot be written|file exists already"):
        train(TEXT, digits(), run=tmp_path / "file", **SETTINGS)
    with pytest.raises(RunError, match=r"file.*cannot be written: Not a directory"):
        train(TEXT, digits(), run=tmp_path / "file" / "below", **SETTINGS)


def test_a_command_that_is_printed_can_be_typed_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = RunFolder(Path("runs/it's mine-1")).resume_command
    assert command == f"""striate train --resume '{tmp_path}/runs/it'"'"'s mine-1'"""
