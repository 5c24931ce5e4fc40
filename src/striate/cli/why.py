"""`striate why`: the exact products behind one number."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import photographs, terminal
from striate.cli.options import AsJson, DataDir, FirstSeed, InkWay, Inputs, WeightsFile


def run(
    file: Annotated[
        str,
        typer.Argument(
            help="A model file, a run folder, an ONNX file or package.module:name; or any network "
            "(a text, a name, a .net file) with --weights, or with first weights of --seed."
        ),
    ],
    picture: Annotated[
        str,
        typer.Argument(help=networks.PICTURE_HELP),
    ],
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
    data_dir: DataDir = None,
    seed: FirstSeed = None,
    weights: WeightsFile = None,
    inputs: Inputs = None,
    ink: InkWay = "keep",
    everything: Annotated[bool, typer.Option("--all", help="Print every product.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask why a number is what it is: formula, products and sum.

    Without training, with a picture and weights that are files of a few numbers:
    striate why "INPUT 1x3x3 -> CONV 1 2x2 bias=no" three.csv "conv1[0,0,0]" --weights two.yaml

    Example: striate why runs/lenet-digits-1 digits#7 "conv2[3,4,5]"
    """
    from striate.analysis.why.explanation import SHOWN
    from striate.analysis.why.inquiry import why

    photographs.check_way(ink)
    subject = networks.explainable_of(networks.named(file, inputs or ()), seed, weights)
    given = subject.read(picture, data_dir=data_dir, ink=ink)
    photographs.print_notes(picture, given, subject.preprocessing, ink)
    answer = why(subject, given, what, target=target or None)
    if as_json:
        terminal.print_json(answer.to_json())
        return
    most = None if everything else SHOWN
    terminal.show(answer.display(most, more="--all prints each"))
