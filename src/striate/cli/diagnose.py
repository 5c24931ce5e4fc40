"""`striate diagnose`: what is wrong with a network, its training or its pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import NO, terminal
from striate.cli.options import AsJson, DataDir, Inputs


def run(
    subject: Annotated[
        str,
        typer.Argument(
            help="A run folder, which tells most; a model file; or any network (a text, a name, "
            "a file), which gets first weights."
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            help=f"{networks.DATA_HELP} Else those the run or model learned from, if they are on "
            "this computer."
        ),
    ] = "",
    data_dir: DataDir = None,
    inputs: Inputs = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a network, its training or its pictures.

    Each verdict has the layer, the numbers that say so, the cause, and a command that helps. The
    exit code is 1 where there is one, and 0 where there is none. What could not be checked is
    named, with what it would need.

    Example: striate diagnose runs/lenet-digits-1
    """
    from striate.diagnosis import diagnose

    answer = diagnose(networks.named(subject, inputs or ()), data, data_dir=data_dir)
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        terminal.show(answer.display())
    if not answer.ok:
        raise typer.Exit(NO)
