"""`striate check`: every way out of a model on the same pictures."""

from __future__ import annotations

from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import NO, terminal
from striate.cli.options import AsJson, DataDir


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    data: Annotated[
        str,
        typer.Option(help=f"{networks.DATA_HELP} Else what the model was trained on."),
    ] = "",
    data_dir: DataDir = None,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    pictures: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
    as_json: AsJson = False,
) -> None:
    """Compare PyTorch, frozen, ONNX and HTTP on the same pictures.

    Each names the class of every picture as plain PyTorch does, with probabilities that differ by
    at most 0.01; else the exit code is 1. ONNX and HTTP are asked where their packages are
    installed.

    Example: striate check runs/lenet-digits-1 --data digits
    """
    from striate.serve.check import check

    answer = check(networks.model_of(file), data, data_dir=data_dir, split=split, most=pictures)
    if as_json:
        terminal.print_json(answer.to_json())
        for name, why in answer.skipped.items():
            terminal.say(f"{name} not asked: {why}", error=True)
    else:
        terminal.show(answer.display())
    if not answer.ok:
        raise typer.Exit(NO)
