"""`striate svm`: a linear support vector machine in place of a model's last layer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from striate.cli import network as networks
from striate.cli import terminal
from striate.errors import StriateError


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new model file.")],
    data: Annotated[
        str, typer.Option(help="A data set's name or a folder; else what it was trained on.")
    ] = "",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
    ] = None,
    penalty: Annotated[float, typer.Option(help="What a picture inside the margin costs.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Put a linear support vector machine in place of the last dense layer.

    Example: striate svm runs/lenet-digits-1 -o svm.safetensors
    """
    from striate.data import load
    from striate.training.svm import with_svm_head

    target = networks.checked_output(output)
    model = networks.model_of(file)
    source = data or str(model.about.get("data", {}).get("source", ""))
    if not source:
        raise StriateError("which pictures?", remedy="Name them: --data mnist, or a folder.")
    recipe = model.about.get("recipe", {})
    channels, height, width = model.preprocessing.shape
    pictures = load(
        source,
        data_dir=data_dir,
        size=(height, width),
        channels=channels,
        validation=recipe.get("validation"),
        seed=recipe.get("seed", 0),
    )
    found = with_svm_head(model, pictures, penalty=penalty)
    found.model.save(target)
    if as_json:
        figures = {"split": found.split, "before": found.before, "after": found.after}
        terminal.print_json({"schema_version": 1, "model": str(target), **figures})
    else:
        typer.echo(f"{found.before:.2%} before, {found.after:.2%} after ({found.split}): {target}")
