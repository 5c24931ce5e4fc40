"""`striate verify`: the reference formulas against PyTorch, node by node."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import DONE, NO, terminal
from striate.cli.subjects import Inputs


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)],
    seed: Annotated[
        int, typer.Option(help="Of the random picture and, without a file, weights.")
    ] = 0,
    inputs: Inputs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the formulas with PyTorch in float64, node by node.

    The formulas were derived by hand, forward and backward.

    The exit code is 1 when an error exceeds its bound. A large network of the catalog is checked
    in its form for smaller pictures.

    Example: striate verify "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> MAXPOOL 2 -> FC 10"
    """
    from striate.analysis.verify import verify

    answer = verify(networks.named(network, inputs or ()), seed=seed)
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        terminal.show(answer.display())
    raise typer.Exit(DONE if answer.ok else NO)
