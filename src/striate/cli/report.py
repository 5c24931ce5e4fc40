"""`striate report`: a run on one page of HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.cli.options import DataDir

NAME = "report.html"


def run(
    folder: Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")],
    output: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help=f"A new file; else {NAME} of the run."),
    ] = None,
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written where, as JSON.")
    ] = False,
) -> None:
    """Write a run as one page of HTML that loads nothing.

    The page holds its pictures and loads nothing. That of the run folder is written anew.

    Example: striate report runs/lenet-digits-1
    """
    if output is not None:
        networks.checked_output(output)
    from striate.exchange.arrays import write_file
    from striate.html_report import report

    page = report(folder, data_dir=data_dir)
    place = folder / NAME if output is None else output
    write_file(place, page.encode())
    if as_json:
        terminal.print_json({"schema_version": 1, "file": str(place)})
    else:
        terminal.say(f"wrote {place}")
