"""`striate memory`: what a network takes to infer and to train, before a number is computed."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.analysis.memory import DTYPES, memory
from striate.analysis.training_memory import BATCH, STATES
from striate.cli import DONE, NO, terminal
from striate.cli.options import AsJson, Inputs


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)],
    batch: Annotated[int, typer.Option(help="Pictures at a time.", min=1)] = BATCH,
    optimizer: Annotated[str, typer.Option(help=f"{', '.join(STATES)}.")] = "adam",
    dtype: Annotated[str, typer.Option(help=f"Of all numbers: {', '.join(DTYPES)}.")] = "float32",
    budget: Annotated[
        str, typer.Option(help="Find the largest batch that fits into so much: 8GiB.")
    ] = "",
    inputs: Inputs = None,
    as_json: AsJson = False,
) -> None:
    """Say what memory a network takes to infer and to train.

    The exit code is 1 when a budget has no room to train on a single picture.

    Example: striate memory resnet18 --batch 32 --optimizer adam --budget 8GiB
    """
    subject = networks.named(network, inputs or ())
    answer = memory(subject, batch=batch, optimizer=optimizer, dtype=dtype, budget=budget or None)
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        terminal.show(answer.display())
    raise typer.Exit(DONE if answer.fits else NO)
