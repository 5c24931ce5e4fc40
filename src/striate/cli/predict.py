"""`striate predict`: class and probability for picture files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate import lookup as networks
from striate.cli import WRONG, photographs, terminal
from striate.display import Column, Grid
from striate.errors import DataError, StriateError

if TYPE_CHECKING:
    from striate.data.given import Given


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    pictures: Annotated[
        list[str],
        typer.Argument(
            help=f"{networks.PICTURE_HELP} Of a folder, every picture file right in it."
        ),
    ],
    top: Annotated[int, typer.Option(help="How many classes to name for each.", min=1)] = 3,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
    ] = None,
    ink: Annotated[str, typer.Option(help=photographs.HELP)] = "keep",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Name the class of pictures.

    They are prepared as the training pictures were. Where one looks otherwise than those (dark ink
    for light, off center), that is said. A file that cannot be read is named, the others are
    answered; the exit code is then 2.

    Example: striate predict runs/lenet-digits-1 digits#7
    """
    from striate.data.names import printable

    photographs.check_way(ink)
    model = networks.model_of(file)
    read: list[tuple[str, Given]] = []
    damaged: dict[str, StriateError] = {}
    for path in _files(pictures):
        try:
            read.append((path, model.read(path, data_dir=data_dir, ink=ink)))
        except StriateError as problem:
            damaged[path] = problem
    found = model.predict([given for _, given in read])
    answers = [
        {
            "picture": printable(path),
            "class": prediction.label,
            "probability": prediction.probability,
            "ranking": [
                {"class": name, "probability": share} for name, share in prediction.ranking[:top]
            ],
            "notes": [
                *filter(None, [given.resizing]),
                *given.notes(model.preprocessing),
            ],
        }
        for (path, given), prediction in zip(read, found, strict=True)
    ]
    if as_json:
        errors = [
            {"picture": printable(path), "error": str(error)} for path, error in damaged.items()
        ]
        terminal.print_json({"schema_version": 1, "predictions": answers, "errors": errors})
    else:
        rows = [
            (printable(path), *(f"{name} {share:.2%}" for name, share in prediction.ranking[:top]))
            for (path, _), prediction in zip(read, found, strict=True)
        ]
        if rows:
            more = (Column("or", text=True, wide=24, rank=k) for k in range(1, len(rows[0]) - 1))
            first = (Column("picture", text=True, wide=40), Column("class", text=True, wide=24))
            terminal.show([Grid((*first, *more), tuple(rows))])
        photographs.print_notes(dict(read), model.preprocessing, ink)
        for error in damaged.values():
            terminal.say(f"striate: {error}", error=True)
    if damaged:
        raise typer.Exit(WRONG)


def _files(words: list[str]) -> Iterator[str]:
    """The words, with the picture files of a folder in its place; not of the folders in it.

    Raises:
        DataError: a folder holds none, or cannot be looked into.
    """
    from striate.data.formats import SUFFIXES

    for word in words:
        if not Path(word).is_dir():
            yield word
            continue
        try:
            found = sorted(f for f in Path(word).iterdir() if f.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise DataError(f"{word} cannot be looked into: {error.strerror or error}") from None
        if not found:
            raise DataError(
                f"{word} holds no picture file",
                remedy=f"Folders in it are not looked into: name them, as in {Path(word) / '*'}.",
            )
        yield from map(str, found)
