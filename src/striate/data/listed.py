"""Picture files that a table lists with their labels: a CSV file in place of class folders."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from striate.data.names import printable, written
from striate.data.tree import SPLITS, Entry, Tree
from striate.errors import DataError
from striate.files import read_text

MOST_TABLE = 256_000_000
"""Bytes of a table: some millions of lines."""
COLUMNS = {
    "path": ("path", "file", "filename", "image", "picture"),
    "label": ("label", "class", "target"),
    "split": ("split", "set", "subset"),
}
TABLE = """\
Expected are paths, relative to the table, and labels; a column of splits may follow:
  path,label                path,label,split
  pictures/1.png,cat   or   pictures/1.png,cat,train
  pictures/2.png,dog        pictures/2.png,dog,test"""


@dataclass(frozen=True)
class _TableLine:
    number: int
    path: str
    label: str
    split: str


def scan_table(table: Path) -> Tree:
    """The pictures that a CSV file lists, in the order of their paths, as in a folder.

    The first line may name the columns (path, label, split; others are passed over); without,
    they are the path, the label and, if there are three, the split. Separated by commas,
    semicolons or tabs.

    Raises:
        DataError: no table, a line without a label, or a picture that is listed as two things.
    """
    tree = Tree(printable(str(table)), expected=TABLE)
    text = read_text(table, DataError, most=MOST_TABLE)
    named: dict[str, _TableLine] = {}
    again = 0
    for line in _lines(text, tree.root, tree):
        first = named.setdefault(line.path, line)
        if (first.label, first.split) != (line.label, line.split):
            raise DataError(
                f"{tree.root}: {printable(line.path)} is {_as(first)} in line {first.number:,} "
                f"and {_as(line)} in line {line.number:,}",
                remedy="Leave one of the lines out: a picture has one class and one split.",
            )
        again += first is not line
    if again:
        tree.problems.append(f"{again:,} lines list a picture again: left out")
    if not named:
        raise DataError(f"{tree.root} lists no pictures", remedy=TABLE)
    for path in sorted(named, key=lambda path: PurePath(path).parts):
        line = named[path]
        tree.entries.append(Entry(line.split, line.label, path, table.parent / path))
    return tree


def _as(line: _TableLine) -> str:
    return f"'{printable(line.label)}'{line.split and f' ({line.split})'}"


def _lines(text: str, root: str, tree: Tree) -> Iterator[_TableLine]:
    rows = _rows(text, root)
    number, first = next(rows, (1, []))
    places = _places(first)
    if "path" not in places or "label" not in places:
        if len(first) not in (2, 3) or places:
            raise DataError(f"{root}, line {number}: {_shown(first)}", remedy=TABLE)
        places = {name: place for place, name in enumerate(COLUMNS) if place < len(first)}
        yield _line(number, first, places, root)
    elif unused := [name for k, name in enumerate(first) if k not in places.values()]:
        tree.notes.append(f"columns that are passed over: {printable(', '.join(unused))}")
    for number, row in rows:
        yield _line(number, row, places, root)


def _rows(text: str, root: str) -> Iterator[tuple[int, list[str]]]:
    head = text[: text.find("\n") + 1 or None]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise DataError(f"{root}, line {reader.line_num:,}: {error}", remedy=TABLE) from None


def _places(head: list[str]) -> dict[str, int]:
    """Which column is what, where the first line says so; else nothing."""
    words = [cell.lower() for cell in head]
    return {
        name: words.index(found)
        for name, known in COLUMNS.items()
        if (found := next((word for word in known if word in words), ""))
    }


def _line(number: int, row: list[str], places: dict[str, int], root: str) -> _TableLine:
    where = f"{root}, line {number:,}"
    cells = {name: row[k] for name, k in places.items() if k < len(row)}
    if not cells.get("path") or not cells.get("label"):
        raise DataError(f"{where}: {_shown(row)} lacks a path or a label", remedy=TABLE)
    split = cells.get("split", "")
    if "split" in places and split.lower() not in SPLITS:
        raise DataError(
            f"{where}: no split is called {printable(split)!r}",
            remedy=f"Known are {', '.join(SPLITS)}.",
        )
    return _TableLine(
        number,
        written(cells["path"], "picture"),
        written(cells["label"], "class"),
        SPLITS.get(split.lower(), ""),
    )


def _shown(row: list[str]) -> str:
    return f"'{printable(', '.join(row))[:60]}'"
