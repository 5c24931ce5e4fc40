"""`striate verify`: the reference formulas against PyTorch, node by node."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import DONE, NO, terminal
from striate.cli.options import AsJson, Inputs, WeightsFile


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)],
    seed: Annotated[
        int, typer.Option(help="Of the random picture and, without a file, weights.")
    ] = 0,
    weights: WeightsFile = None,
    inputs: Inputs = None,
    as_json: AsJson = False,
) -> None:
    """Compare the formulas with PyTorch in float64, node by node.

    The formulas were derived by hand, forward and backward.

    The exit code is 1 when an error exceeds its bound. A large network of the catalog is checked
    in its form for smaller pictures.

    Example: striate verify "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> MAXPOOL 2 -> FC 10"

    Example: striate verify resnet18 --weights resnet18.pth
    """
    from striate.analysis.verify import verify

    subject = networks.checkable_of(networks.named(network, inputs or ()), weights)
    answer = verify(subject, seed=seed)
    if isinstance(subject, networks.Weighted) and subject.origin and not as_json:
        terminal.say(subject.origin)
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        terminal.show(answer.display())
    raise typer.Exit(DONE if answer.ok else NO)
