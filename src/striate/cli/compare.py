"""`striate compare`: what changed from one network to another, and where their numbers part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate import lookup as networks
from striate.analysis.compare import TOLERANCE
from striate.cli import DONE, NO, terminal
from striate.cli.options import AsJson, DataDir, Inputs

if TYPE_CHECKING:
    from striate.graph.imported import Explainable


def run(
    first: Annotated[str, typer.Argument(metavar="A", help=networks.HELP)],
    second: Annotated[str, typer.Argument(metavar="B", help="As A.")],
    picture: Annotated[
        str, typer.Option(help=f"{networks.PICTURE_HELP} Else inputs are drawn.")
    ] = "",
    weights: Annotated[
        Path | None, typer.Option(help=f"For A and B where they have none. {networks.WEIGHTS_HELP}")
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="What is no difference, as a share of the largest number of a node."),
    ] = TOLERANCE,
    inputs: Inputs = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Of the drawn inputs.", min=0)] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every change and every node.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare two networks: layers, and where numbers part.

    Batch normalization that an exporter has folded into a convolution is no difference, nor is what
    is written in another way with the same numbers behind it. The exit code is 1 when they differ.

    Example: striate compare lenet5 "INPUT 1x32x32 -> CONV 6 5x5 -> RELU -> FC 10"

    Example: striate compare runs/lenet-digits-1 lenet.onnx --picture digits#7

    Example: striate compare torchvision.models:resnet18 resnet18 --input 3x224x224
    """
    from striate.analysis.compare.comparison import SHOWN, compare

    answer = compare(
        *_named((first, second), inputs or ()),
        picture=picture or None,
        weights=weights,
        tolerance=tolerance,
        seed=seed,
        data_dir=data_dir,
    )
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        terminal.show(answer.display(None if everything else SHOWN, more="--all prints each"))
    raise typer.Exit(DONE if answer.ok else NO)


def _named(words: tuple[str, str], inputs: Sequence[str]) -> list[Explainable | str]:
    """Both networks; what enters is for places in code, or else for ONNX files."""
    takers = [word for word in words if networks.CODE.fullmatch(word)]
    takers = takers or [word for word in words if word.endswith(".onnx")] or [*words]
    return [networks.named(word, inputs if word in takers else ()) for word in words]
