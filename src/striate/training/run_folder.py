"""The folder of one run: what is in it, and how it is kept whole through a kill."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from striate.errors import ModelFileError, RunError
from striate.exchange import yaml_file
from striate.exchange.arrays import write_file
from striate.training.events import EpochRow


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run, and the small files that are written as a whole."""

    path: Path

    @property
    def config(self) -> Path:
        """Everything that repeats the run."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """A row an epoch."""
        return self.path / "metrics.csv"

    @property
    def best(self) -> Path:
        """The best weights, by the validation pictures where there are any, as a model file."""
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        """The weights of the last epoch, as a model file."""
        return self.path / "last.safetensors"

    @property
    def state(self) -> Path:
        """What resuming needs: weights, optimizer, position."""
        return self.path / "resume.safetensors"

    @classmethod
    def create(cls, path: Path | None, name: str) -> RunFolder:
        """A new folder: `path`, or the next free runs/<name>-<number>.

        What a run left that could not write its first file, or was killed before it, counts as no
        folder: it is taken again.

        Raises:
            RunError: it exists already, or cannot be made.
        """
        place = Path("runs") if path is None else path
        try:
            if path is not None:
                path.mkdir(parents=True, exist_ok=True)
                folder = cls(path)
                if not folder.is_vacant():
                    raise FileExistsError
                return folder
            place.mkdir(exist_ok=True)
            return cls(_next(place, re.sub(r"[^\w.-]+", "-", name).strip("-") or "run"))
        except FileExistsError:
            raise RunError(f"{place} exists already", remedy=_instead(place)) from None
        except OSError as error:
            raise _unwritten(error, place, "Name another place with --run.") from None

    def is_vacant(self) -> bool:
        """Whether nothing in it is worth keeping: at most a lock, and a torn first file."""
        return all(
            each.name == ".lock" or each.name.startswith(f".{self.config.name}.")
            for each in self.path.iterdir()
        )

    def abandon(self) -> None:
        """Remove a folder in which nothing could be written, so that the run can begin again."""
        with contextlib.suppress(OSError):
            if self.is_vacant():
                for each in self.path.iterdir():
                    each.unlink()
                self.path.rmdir()

    @property
    def resume_command(self) -> str:
        """What goes on with this run, from any folder."""
        return f"striate train --resume {shlex.quote(str(self.path.resolve()))}"

    @contextlib.contextmanager
    def writing(self, remedy: str = "", place: Path | None = None) -> Iterator[None]:
        """Around what writes into the folder: a full, read-only or vanished disk has a remedy.

        Args:
            remedy: what to do; else to make room and go on.
            place: the file, where errors of the system do not name it.

        Raises:
            RunError: it names the file, the reason, and how to go on.
        """
        go_on = f"Make room, or the folder writable, and go on with: {self.resume_command}"
        remedy = remedy or go_on
        try:
            yield
        except ModelFileError as error:
            raise RunError(error.what, remedy=remedy) from None
        except OSError as error:
            raise _unwritten(error, place or self.path, remedy) from None

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A folder that is there.

        Raises:
            RunError: it is no run folder.
        """
        folder = cls(path)
        if not folder.config.is_file():
            raise RunError(f"{path} is no run folder", remedy=_no_config(folder))
        return folder

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml."""
        content = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)
        write_file(self.config, content.encode())

    def read_config(self) -> dict[str, Any]:
        """Read config.yaml."""
        return read_yaml(self.config)

    def write_metrics(self, rows: Sequence[EpochRow]) -> None:
        """Write metrics.csv with a row an epoch; the file is whole at every moment."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(field.name for field in fields(EpochRow))
        writer.writerows(astuple(row) for row in rows)
        write_file(self.metrics, text.getvalue().encode())

    def sweep(self) -> None:
        """Remove files that a killed process had not finished writing."""
        for file in (self.config, self.metrics, self.best, self.last, self.state):
            for torn in self.path.glob(f".{file.name}.*"):
                torn.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process alone.

        Raises:
            RunError: another process is training in it.
        """
        try:
            file = open(self.path / ".lock", "a")  # noqa: SIM115  # closed by the stack below
        except OSError as error:
            raise _unwritten(error, self.path, "Make the folder writable.") from None
        with file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:  # no such locks on this system
                pass
            except OSError:
                raise RunError(
                    f"another process is training in {self.path}",
                    remedy="Wait for it, or stop it first.",
                ) from None
            yield


def _next(runs: Path, name: str) -> Path:
    taken = [
        int(match[1])
        for each in runs.iterdir()
        if (match := re.fullmatch(re.escape(name) + r"-(\d{1,9})", each.name))
    ]
    number = max(taken, default=0) + 1
    while True:
        with contextlib.suppress(FileExistsError):
            (runs / f"{name}-{number}").mkdir()
            return runs / f"{name}-{number}"
        number += 1


def _unwritten(error: OSError, place: Path, remedy: str) -> RunError:
    return RunError(
        f"{error.filename or place} cannot be written: {error.strerror or error}", remedy=remedy
    )


def _instead(place: Path) -> str:
    if RunFolder(place).config.is_file():
        return f"Go on with: {RunFolder(place).resume_command}\nOr name another folder."
    return "Name another folder."


def _no_config(folder: RunFolder) -> str:
    if folder.path.is_dir() and folder.is_vacant():
        return (
            "No first file could be written there. Begin the run again: "
            f"striate train … --run {shlex.quote(str(folder.path))}"
        )
    return "It holds no config.yaml. Runs lie in runs/."


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file with settings by name: texts, numbers, yes and no, lists and tables of them.

    Raises:
        RunError: it is missing, malformed, or something else.
    """
    return yaml_file.read_table(path, RunError, "settings by name")
