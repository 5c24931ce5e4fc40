"""`striate networks`: the catalog."""

from __future__ import annotations

from typing import Annotated

import typer

from striate.analysis.table import table
from striate.cli import terminal
from striate.cli.options import AsJson
from striate.display import Column, Grid
from striate.networks import NETWORKS
from striate.networks import network as network_called
from striate.notation import parse

COLUMNS = (
    Column("name", text=True),
    Column("input", text=True),
    Column("parameters"),
    Column("multiply-adds", rank=1),
    Column("source", text=True, wide=48, rank=2),
)


def run(
    name: Annotated[str, typer.Argument(help="Print the notation of this one.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the networks that have a name, or print one's notation.

    Example: striate networks vgg16
    """
    if name:
        found = network_called(name)
        if as_json:
            terminal.print_json({"schema_version": 1} | _entry(found.name))
        else:
            terminal.say(str(found))
        return
    entries = [_entry(each) for each in NETWORKS]
    if as_json:
        terminal.print_json({"schema_version": 1, "networks": entries})
        return
    rows = (
        (
            str(entry["name"]),
            str(entry["input"]),
            f"{entry['parameters']:,}",
            f"{entry['multiply_adds']:,}",
            str(entry["source"]),
        )
        for entry in entries
    )
    terminal.show([Grid(COLUMNS, tuple(rows))])


def _entry(name: str) -> dict[str, object]:
    network = NETWORKS[name]
    graph = parse(network.notation)
    totals = table(graph).totals
    return {
        "name": name,
        "input": str(graph.specs[graph.inputs[0].name]),
        "parameters": totals["parameters"],
        "multiply_adds": totals["multiply_adds"],
        "source": network.source,
        "notation": network.notation,
    }
