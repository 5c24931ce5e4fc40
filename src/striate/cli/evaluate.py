"""`striate evaluate`: accuracy, confusion matrix, and the mistakes a model was surest of."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import photographs, terminal
from striate.cli.options import AsJson, DataDir, InkWay
from striate.model_data import data_of

WORST = 10
"""Mistakes printed without --worst."""


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    data: Annotated[
        str,
        typer.Option(
            help=f"{networks.DATA_HELP} All of them where they are not split. Else the test "
            "pictures of what it was trained on."
        ),
    ] = "",
    data_dir: DataDir = None,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    ink: InkWay = "keep",
    worst: Annotated[int, typer.Option(help="How many mistakes to name.", min=0)] = WORST,
    as_json: AsJson = False,
) -> None:
    """Judge a model: accuracy, confusion matrix, the worst mistakes.

    Example: striate evaluate runs/lenet-digits-1
    """
    from striate.training import evaluate

    model = networks.model_of(file)
    pictures = data_of(model, data, data_dir, judging=True)
    laid_out = photographs.laid_out_data(model, pictures, split, ink)
    answer = evaluate(model, laid_out, split=split)
    photographs.print_differences(
        pictures.name, photographs.common_differences(model, laid_out, split), ink
    )
    if as_json:
        terminal.print_json(answer.to_json(worst))
    else:
        terminal.show(answer.display(worst))
        for problem in pictures.problems:
            terminal.say(f"not used: {problem}", error=True)
        for note in pictures.notes:
            terminal.say(f"note: {note}", error=True)
