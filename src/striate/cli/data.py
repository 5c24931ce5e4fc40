"""`striate data`: what there is before training."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.cli.options import AsJson, DataDir


def run(
    source: Annotated[str, typer.Argument(metavar="data", help=networks.DATA_HELP)],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Look pictures over before training.

    Said are classes, counts, sizes, colors, equal pictures and files that cannot be used. Counts
    are those that a run has, with the pictures that it would hold out. A leak is a picture to
    judge by that equals one to learn from.

    Example: striate data digits
    """
    from striate.data import inspect

    found = inspect(source, data_dir=data_dir)
    if as_json:
        terminal.print_json(found.to_json())
    else:
        terminal.show(found.display())
