"""`striate draw`: figures of a network, of what it computes, and of how it was trained."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.errors import SettingError


class Kind(StrEnum):
    """What can be drawn."""

    network = "network"


class Language(StrEnum):
    """What the architecture can be written as, for others to draw."""

    mermaid = "mermaid"
    dot = "dot"


def run(
    what: Annotated[Kind, typer.Argument(help="The kind of figure.")],
    subject: Annotated[str, typer.Argument(help=networks.HELP, metavar="NETWORK")],
    output: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help="A new .png, .svg or .pdf file."),
    ] = None,
    to: Annotated[
        Language | None, typer.Option(help="Print a network as text that others draw.")
    ] = None,
    is_open: Annotated[
        bool | None,
        typer.Option(
            "--open/--folded",
            help="Draw every branch of a network, or branches as lines of one box; else by size.",
        ),
    ] = None,
) -> None:
    """Draw a network, what it computes, or how it learned.

    Example: striate draw network resnet18 --out resnet18.png
    """
    if to is not None:
        _print_text(subject, to, is_open, output)
        return
    if output is None:
        raise SettingError("which file?", remedy=f"Name a new one: --out {what.value}.png")
    from striate import drawing
    from striate.drawing.style import suffix_of

    suffix_of(networks.checked_output(output))
    drawing.save(drawing.network(subject, is_open=is_open), output)
    terminal.say(f"wrote {output}")


def _print_text(subject: str, to: Language, is_open: bool | None, output: Path | None) -> None:
    from striate.drawing.flow import TEXTS

    written = TEXTS[to.value](subject, is_open=is_open)
    if output is None:
        terminal.write(written, sys.stdout)
    else:
        networks.checked_output(output).write_text(written, encoding="utf-8")
        terminal.say(f"wrote {output}")
