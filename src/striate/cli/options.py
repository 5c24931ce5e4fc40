"""The options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from striate import lookup as networks
from striate.cli import photographs

Inputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--input", help=networks.INPUT_HELP, metavar="[NAME=]SHAPE"),
]
DataDir: TypeAlias = Annotated[
    Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
]
FirstSeed: TypeAlias = Annotated[
    int | None, typer.Option(help="Of first weights, where the network has none: 0.", min=0)
]
WeightsFile: TypeAlias = Annotated[Path | None, typer.Option(help=networks.WEIGHTS_HELP)]
InkWay: TypeAlias = Annotated[str, typer.Option(help=photographs.HELP)]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
