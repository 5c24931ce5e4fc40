"""`striate svm`: a linear support vector machine in place of a model's last layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.cli.options import AsJson, DataDir
from striate.model_data import data_of


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new model file.")],
    data: Annotated[
        str, typer.Option(help=f"{networks.DATA_HELP} Else what it was trained on.")
    ] = "",
    data_dir: DataDir = None,
    penalty: Annotated[float, typer.Option(help="What a picture inside the margin costs.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Put a linear support vector machine in place of the head.

    The head is the last dense layer.

    Example: striate svm runs/lenet-digits-1 -o svm.safetensors
    """
    from striate.training.svm import with_svm_head

    target = networks.checked_output(output)
    model = networks.model_of(file)
    pictures = data_of(model, data, data_dir)
    found = with_svm_head(model, pictures, penalty=penalty, on_progress=_tell)
    found.model.save(target)
    if as_json:
        figures = {"split": found.split, "before": found.before, "after": found.after}
        terminal.print_json({"schema_version": 1, "model": str(target), **figures})
    else:
        terminal.say(
            f"{found.before:.2%} before, {found.after:.2%} after ({found.split}): {target}"
        )


def _tell(text: str) -> None:
    terminal.say(text, error=True)
