"""The option that says what enters a module that is named by its place in Python code."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from striate import lookup as networks

Inputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--input", help=networks.INPUT_HELP, metavar="[NAME=]SHAPE"),
]
