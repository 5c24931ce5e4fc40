"""What is predicted of many pictures, in constant memory: read, answered, written one by one."""

from __future__ import annotations

import csv
import os
import re
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from striate.cli import photographs, terminal
from striate.data.names import printable
from striate.display import Column, Grid
from striate.errors import StriateError

if TYPE_CHECKING:
    from striate.data.given import Given
    from striate.model import Model
    from striate.prediction import Prediction

ROWS = 1000
"""Rows of a table; more pictures make more tables."""

FIRST = ("path", "label", "probability")
"""Columns of a .csv file before those of the classes."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute."""


class Answer(NamedTuple):
    """A picture, and what the model says of it."""

    picture: str
    prediction: Prediction
    notes: tuple[str, ...]


class Answers:
    """The answers for pictures, each read when it is its turn; iterate once.

    Args:
        files: names of pictures, as `Model.read` takes them.

    Attributes:
        unreadable: what could not be read so far, and why.
        noted: what is otherwise in the pictures than in training.
    """

    def __init__(
        self, model: Model, files: Sequence[str], *, data_dir: Path | None, ink: str
    ) -> None:
        self._model, self._files = model, files
        self._how: dict[str, Any] = {"data_dir": data_dir, "ink": ink}
        self._waiting: deque[tuple[str, tuple[str, ...]]] = deque()
        self.unreadable: list[tuple[str, StriateError]] = []
        self.noted = photographs.Noted(ink)

    def __iter__(self) -> Iterator[Answer]:
        for prediction in self._model.predictions(self._read(), len(self._files)):
            name, notes = self._waiting.popleft()
            yield Answer(name, prediction, notes)

    def _read(self) -> Iterator[Given]:
        for name in self._files:
            try:
                given = self._model.read(name, **self._how)
            except StriateError as problem:
                self.unreadable.append((name, problem))
                continue
            differences = given.notes(self._model.preprocessing)
            self.noted.add(name, given.resizing, differences)
            self._waiting.append((name, (*filter(None, [given.resizing]), *differences)))
            yield given


class Sink(ExitStack):
    """A form of the answers; `add` each, then leave the context."""

    def add(self, answer: Answer) -> None:
        """Take one more."""
        raise NotImplementedError

    def end(self, unreadable: Sequence[tuple[str, StriateError]]) -> None:
        """Nothing more comes."""


class TableSink(Sink):
    """For a person: a row a picture."""

    def __init__(self, top: int) -> None:
        super().__init__()
        self._top = top
        self._rows: list[tuple[str, ...]] = []

    def add(self, answer: Answer) -> None:
        ranking = answer.prediction.ranking[: self._top]
        shares = (f"{name} {share:.2%}" for name, share in ranking)
        self._rows.append((printable(answer.picture), *shares))
        if len(self._rows) >= ROWS:
            self.end(())

    def end(self, unreadable: Sequence[tuple[str, StriateError]]) -> None:
        if self._rows:
            others = range(1, len(self._rows[0]) - 1)
            more = (Column("or", text=True, wide=24, rank=k) for k in others)
            first = (Column("picture", text=True, wide=40), Column("class", text=True, wide=24))
            terminal.show([Grid((*first, *more), tuple(self._rows))])
        self._rows = []


class Json(Sink):
    """For a program: one object, written when all is answered, kept on the disk until then."""

    def __init__(self, top: int) -> None:
        super().__init__()
        self._top = top
        self._kept: IO[str] = self.enter_context(
            tempfile.SpooledTemporaryFile(1 << 20, "w+", encoding="utf-8", newline="")  # noqa: SIM115
        )
        self._kept.write('{"schema_version": 1, "predictions": [')
        self._before = ""

    def add(self, answer: Answer) -> None:
        self._kept.write(self._before + terminal.json_text(self._object(answer)))
        self._before = ", "

    def _object(self, answer: Answer) -> dict[str, object]:
        best = answer.prediction
        ranking = [
            {"class": name, "probability": share} for name, share in best.ranking[: self._top]
        ]
        return {
            "picture": printable(answer.picture),
            "class": best.label,
            "probability": best.probability,
            "ranking": ranking,
            "notes": list(answer.notes),
        }

    def end(self, unreadable: Sequence[tuple[str, StriateError]]) -> None:
        errors = [{"picture": printable(name), "error": str(why)} for name, why in unreadable]
        said = ", ".join(map(terminal.json_text, errors))
        self._kept.write(f'], "errors": [{said}]}}\n')
        self._kept.seek(0)
        while part := self._kept.read(1 << 16):
            terminal.write(part, sys.stdout)


class Csv(Sink):
    """A file of rows: path, label, probability, and the probability of each class.

    It is there as a whole when all is answered, or not at all. No cell is a formula: a path that
    could be one begins with ./, a class with an apostrophe.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        super().__init__()
        self._path, self._classes = path, classes
        with self._writing():
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        self._kept = Path(name)
        self._file = self.enter_context(
            os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="")
        )
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._is_empty = True
        columns = [f"class {each}" if each in FIRST else as_text(each) for each in classes]
        self._writer.writerow([*FIRST, *columns])

    def add(self, answer: Answer) -> None:
        shares = dict(answer.prediction.ranking)
        label, own = answer.prediction.label, [shares[each] for each in self._classes]
        path = as_path(answer.picture)
        with self._writing():
            self._writer.writerow([path, as_text(label), answer.prediction.probability, *own])
        self._is_empty = False

    def end(self, unreadable: Sequence[tuple[str, StriateError]]) -> None:
        with self._writing():
            self._file.flush()
            if not self._is_empty:
                self._kept.chmod(0o644)
                self._kept.replace(self._path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{self._path} cannot be written: {error.strerror or error}"
            raise StriateError(what, remedy="Nothing was written; name another file.") from None

    def __exit__(self, *problem: Any) -> bool:
        self._kept.unlink(missing_ok=True)
        return bool(super().__exit__(*problem))


def as_path(name: str) -> str:
    """A path that no spreadsheet computes, and that still names the file.

    >>> as_path("=1+1.png"), as_path("/in/1.png")
    ('./=1+1.png', '/in/1.png')
    """
    return os.path.join(".", name) if name.startswith(FORMULA) else name


def as_text(name: str) -> str:
    """A class name that no spreadsheet computes; numbers stay what they are.

    >>> as_text("=1+1"), as_text("-1"), as_text("cat")
    ("'=1+1", '-1', 'cat')
    """
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", name)
    return f"'{name}" if name.startswith(FORMULA) and not is_number else name
