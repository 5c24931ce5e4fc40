"""`striate why`: the exact products behind one number."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import ink as inks
from striate.cli import terminal


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    picture: Annotated[str, typer.Argument(help=networks.PICTURE_HELP)],
    what: Annotated[
        str,
        typer.Argument(
            help="node[channel,row,column], node[unit], node.weight[o,c,u,v].grad, node[..].grad, "
            "input[..].grad, probability[class] or loss."
        ),
    ],
    target: Annotated[
        str, typer.Option(help="The right class, for losses and gradients: a name or a number.")
    ] = "",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
    ] = None,
    ink: Annotated[str, typer.Option(help=inks.HELP)] = "keep",
    everything: Annotated[bool, typer.Option("--all", help="Print every product.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask why a number in a network is what it is: formula, products, sum and residual.

    Example: striate why runs/lenet-digits-1 digits#7 "conv2[3,4,5]"
    """
    from striate.analysis.why.explanation import SHOWN
    from striate.analysis.why.inquiry import why

    model = networks.model_of(file)
    source, label = networks.picture_of(picture, model, data_dir)
    image = model.preprocessing.picture(source, ink=ink)
    inks.print_differences(picture, model.preprocessing.differences(image), ink)
    answer = why(model, image, what, target=target or label or None)
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        most = None if everything else SHOWN
        terminal.show(answer.display(most, more="--all prints each"))
