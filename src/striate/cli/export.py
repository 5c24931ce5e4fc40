"""`striate export`: the network as plain PyTorch source text."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.graph import Graph


class Target(StrEnum):
    """What a network can be written as."""

    python = "python"
    notation = "notation"
    json = "json"


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)],
    to: Annotated[Target, typer.Option(help="The form to write.")] = Target.python,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file; else standard output.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written where, as JSON.")
    ] = False,
) -> None:
    """Write a network as plain PyTorch source, or as text or JSON.

    The source runs without Striate.

    Example: striate export "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10" --to python
    """
    written = _written(networks.graph_of(network), to)
    if output is not None:
        networks.checked_output(output).write_text(written, encoding="utf-8")
    if as_json:
        place = str(output) if output else None
        terminal.print_json({"schema_version": 1, "form": to.value, "file": place, "text": written})
    elif output is None:
        terminal.write(written, sys.stdout)  # a program: exactly as it is
    else:
        terminal.say(f"wrote {output}")


def _written(graph: Graph, form: Target) -> str:
    if form is Target.notation:
        from striate.notation import text

        return text(graph) + "\n"
    if form is Target.json:
        import json

        from striate.exchange.json import to_json

        return json.dumps(to_json(graph), indent=2) + "\n"
    from striate.pytorch import source

    return source(graph)
