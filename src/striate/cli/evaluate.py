"""`striate evaluate`: accuracy, confusion matrix, and the mistakes a model was surest of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate import lookup as networks
from striate.cli import ink as inks
from striate.cli import terminal

if TYPE_CHECKING:
    from striate.training import Evaluation

WORST = 10
"""Mistakes printed without --worst."""


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    data: Annotated[
        str,
        typer.Option(
            help="A data set's name or a folder, all of it where it is not split; else the test "
            "pictures of what it was trained on."
        ),
    ] = "",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    ink: Annotated[str, typer.Option(help=inks.HELP)] = "keep",
    worst: Annotated[int, typer.Option(help="How many mistakes to name.", min=0)] = WORST,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge a model: accuracy, confusion matrix, the worst mistakes.

    Example: striate evaluate runs/lenet-digits-1
    """
    from striate.training import evaluate

    model = networks.model_of(file)
    pictures = networks.data_of(model, data, data_dir, judging=True)
    laid_out = inks.laid_out_data(model, pictures, split, ink)
    answer = evaluate(model, laid_out, split=split)
    inks.print_differences(pictures.name, inks.common_differences(model, laid_out, split), ink)
    if as_json:
        terminal.print_json(answer.to_json(worst))
    else:
        _print(answer, worst)
        for problem in pictures.problems:
            terminal.say(f"not used: {problem}", error=True)
        for note in pictures.notes:
            terminal.say(f"note: {note}", error=True)


def _share(right: int, pictures: int) -> str:
    return f"{right / pictures:.1%}" if pictures else "no pictures"


def _print(answer: Evaluation, worst: int) -> None:
    out = terminal.console()
    wrong = len(answer.mistakes)
    out.print(
        f"{answer.accuracy:.2%} of {answer.pictures:,} pictures right, {wrong:,} wrong; "
        f"loss {answer.loss:.4f}",
        style="bold",
    )
    rows = [
        (name, *(terminal.count(int(n)) for n in row), _share(int(row[k]), int(row.sum())))
        for k, (name, row) in enumerate(zip(answer.classes, answer.confusion, strict=True))
    ]
    out.print("\nTrue classes down, answers across:")
    out.print(terminal.grid(("", *answer.classes, "right"), rows))
    if not worst or not wrong:
        return
    out.print("The mistakes it was surest of:")
    listed = [
        (each.path or f"#{each.index}", each.truth, each.guess, f"{each.probability:.1%}")
        for each in answer.mistakes[:worst]
    ]
    out.print(terminal.grid(("picture", "is", "taken for", "sure"), listed, left=(0, 1, 2)))
