"""What a run wrote: its settings, a row an epoch, its weights."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from striate.errors import RunError
from striate.files import read_text
from striate.training.run_folder import RunFolder


@dataclass(frozen=True)
class Record:
    """A run as its folder tells it.

    Args:
        config: the path of config.yaml.
        settings: what is in it.
        rows: metrics.csv: a table an epoch, by column; None for an empty cell.
    """

    config: str
    settings: Mapping[str, Any]
    rows: tuple[Mapping[str, float | None], ...] = ()

    def column(self, name: str) -> list[float]:
        """The numbers of a column, without empty cells."""
        return [value for row in self.rows if (value := row.get(name)) is not None]


def read_record(folder: RunFolder) -> Record:
    """The record of a run folder.

    Raises:
        RunError: a file is damaged.
    """
    rows: list[dict[str, float | None]] = []
    if folder.metrics.is_file():
        lines = read_text(folder.metrics, RunError).splitlines()
        try:
            rows += [
                {name: float(cell) if cell else None for name, cell in row.items()}
                for row in csv.DictReader(lines)
            ]
        except (TypeError, ValueError):
            raise RunError(
                f"{folder.metrics} is damaged",
                remedy="It has a row of numbers an epoch. Remove it to judge by the weights alone.",
            ) from None
    return Record(str(folder.config), folder.read_config(), tuple(rows))


def is_run(word: object) -> bool:
    """Whether a word names a run folder."""
    return isinstance(word, str | Path) and len(str(word)) < 4096 and _has_config(Path(word))


def _has_config(path: Path) -> bool:
    try:
        return RunFolder(path).config.is_file()
    except OSError:  # a text too long for a name
        return False
