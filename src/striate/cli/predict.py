"""`striate predict`: class and probability for picture files."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate import lookup as networks
from striate.cli import NO, WRONG, photographs, terminal
from striate.cli.options import AsJson, DataDir, InkWay
from striate.errors import DataError

if TYPE_CHECKING:
    from striate.cli.answers import Answers, Sink


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    pictures: Annotated[
        list[str],
        typer.Argument(
            help=f"{networks.PICTURE_HELP} Of a folder, every picture file right in it; of a "
            "pattern in quotes ('in/**/*.png'), every picture file that fits it."
        ),
    ],
    top: Annotated[int, typer.Option(help="How many classes to name for each.", min=1)] = 3,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write path, label, probability and a column a class to a new file."),
    ] = None,
    data_dir: DataDir = None,
    ink: InkWay = "keep",
    as_json: AsJson = False,
) -> None:
    """Name the class of pictures, however many there are.

    They are prepared as the training pictures were. Where one looks otherwise than those (dark ink
    for light, off center), that is said. A file that cannot be read is named, the others are
    answered; the exit code is then 1, and 2 if none could be read.

    Example: striate predict runs/lenet-digits-1 digits#7
    """
    from striate.cli.answers import Answers, Csv, Json, TableSink

    photographs.check_way(ink)
    model = networks.model_of(file)
    files = [*_files(pictures)]
    found = Answers(model, files, data_dir=data_dir, ink=ink)
    with ExitStack() as stack:
        sinks: list[Sink] = []
        if csv is not None:
            sinks.append(stack.enter_context(Csv(networks.checked_output(csv), model.classes)))
        if as_json:
            sinks.append(stack.enter_context(Json(top)))
        count = _answer(found, sinks or [TableSink(top)], len(files), is_quiet=not sinks)
    if csv is not None and count and not as_json:
        terminal.say(f"{csv}: {count:,} pictures")
    if not as_json:
        found.noted.print()
        for _, problem in found.unreadable:
            terminal.say(f"striate: {problem}", error=True)
    if found.unreadable:
        if len(files) > 1:
            terminal.say(f"{len(found.unreadable):,} of {len(files):,} cannot be read", error=True)
        raise typer.Exit(NO if count else WRONG)


def _answer(found: Answers, sinks: Sequence[Sink], total: int, *, is_quiet: bool) -> int:
    """Give every answer to every sink, and say how many there were.

    A table on the terminal is progress enough; where rows go elsewhere, a line is shown.
    """
    from striate.training.events import Loading
    from striate.training.progress import ProgressBar

    count = 0
    with ProgressBar(quiet=is_quiet, to_error=True) as shown:
        for answer in found:
            count += 1
            for sink in sinks:
                sink.add(answer)
            shown(Loading(count + len(found.unreadable), total, "answered"))
    for sink in sinks:
        sink.end(found.unreadable)
    return count


def _files(words: list[str]) -> Iterator[str]:
    """The words, with the picture files of a folder or a pattern in its place.

    Raises:
        DataError: a folder or a pattern holds none, or cannot be looked into.
    """
    for word in words:
        if Path(word).is_dir():
            yield from _in_folder(word)
        elif glob.has_magic(word) and not os.path.lexists(word):
            yield from _in_pattern(word)
        else:
            yield word


def _in_folder(word: str) -> list[str]:
    try:
        found = sorted(each for each in Path(word).iterdir() if _is_picture(each))
    except OSError as error:
        raise DataError(f"{word} cannot be looked into: {error.strerror or error}") from None
    if not found:
        raise DataError(
            f"{word} holds no picture file",
            remedy=f"Folders in it are not looked into: name them, as in {Path(word) / '*'}.",
        )
    return [*map(str, found)]


def _in_pattern(word: str) -> list[str]:
    found = sorted(each for each in glob.iglob(word, recursive=True) if _is_picture(Path(each)))
    if not found:
        raise DataError(
            f"no picture file is called {word}",
            remedy="* stands for a part of a name, ** for folders below: 'in/**/*.png'.",
        )
    return [each for each in found if not os.path.isdir(each)]


def _is_picture(path: Path) -> bool:
    """Whether it is called as pictures are."""
    from striate.data.formats import SUFFIXES

    return path.suffix.lower() in SUFFIXES
