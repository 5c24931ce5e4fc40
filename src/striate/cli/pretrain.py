"""`striate pretrain`: kernels learned without labels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.cli.options import AsJson, DataDir
from striate.networks import NETWORKS


def run(
    network: Annotated[str, typer.Argument(help=networks.TRAINABLE_HELP)],
    output: Annotated[Path, typer.Option("--output", "-o", help="The new file for --start.")],
    data: Annotated[str, typer.Option(help=networks.DATA_HELP)] = "digits",
    data_dir: DataDir = None,
    epochs: Annotated[int, typer.Option(help="Passes over the pictures, each layer.", min=1)] = 2,
    learning_rate: Annotated[float, typer.Option("--learning-rate", "--lr", min=0)] = 1e-3,
    noise: Annotated[
        float, typer.Option(help="Share of the numbers to be restored.", min=0, max=0.95)
    ] = 0.8,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Learn a network's kernels from pictures without labels.

    A convolutional autoencoder learns them, layer by layer.

    Example: striate pretrain lenet_adam --data mnist -o kernels.safetensors
    """
    from striate.training.first_weights import write_start
    from striate.training.fit import loaded, suited, surveyed
    from striate.training.pretrain import PretrainedLayer, pretrain
    from striate.training.recipe import Recipe

    target = networks.checked_output(output)
    graph, fits = networks.graph_of(network), networks.name_of(network) in NETWORKS
    known = surveyed(data)
    graph = suited(graph, known) if fits else graph
    free = fits and known.channels is None
    pictures = loaded(graph, data, data_dir, Recipe(seed=seed), gray_or_color=free)
    graph = suited(graph, surveyed(pictures)) if fits else graph  # as striate train will
    layers: list[PretrainedLayer] = []

    def told(layer: PretrainedLayer) -> None:
        layers.append(layer)
        terminal.say(
            f"{layer.name}  epoch {layer.epoch}/{layer.epochs}  error {layer.error:.4f} "
            f"({layer.error / layer.before:.1%} of an answer of zeros)",
            error=as_json,
        )

    weights = pretrain(
        graph,
        pictures,
        epochs=epochs,
        learning_rate=learning_rate,
        noise=noise,
        seed=seed,
        on_layer=told,
    )
    write_start(target, weights)
    if as_json:
        found = [
            {"name": each.name, "epoch": each.epoch, "error": each.error, "before": each.before}
            for each in layers
        ]
        terminal.print_json({"schema_version": 1, "start": str(target), "layers": found})
    else:
        terminal.say(f"wrote {target}\n\nNext:\n  {_next(network, data, data_dir, target)}")


def _next(network: str, data: str, data_dir: Path | None, target: Path) -> str:
    """The command that goes on from here, as it can be typed in any folder."""
    from striate.data.catalog import named

    place = "" if data_dir is None else f" --data-dir {_absolute(data_dir)}"
    source = data if named(data) else _absolute(data)
    start = _absolute(target)
    subject = _absolute(network) if Path(network).exists() else shlex.quote(network)
    return f"striate train {subject} --data {source}{place} --start {start}"


def _absolute(path: Path | str) -> str:
    from striate.data.sources import expanded

    return shlex.quote(str(expanded(path).resolve()))
