"""`striate train`: from a network and pictures to a model file."""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.cli.options import DataDir
from striate.errors import SettingError

if TYPE_CHECKING:
    from striate.graph import Graph
    from striate.training import Listener, Recipe, Result, Started

LENET = "lenet"
"""The network of the catalog that is trained when none is named."""

SETTING = re.compile(r"[A-Za-z][A-Za-z_-]*=[^\s>]*")


def run(
    network: Annotated[
        list[str] | None,
        typer.Argument(
            help=f"{networks.TRAINABLE_HELP} Settings may follow: epochs=5 optimizer=sgd."
        ),
    ] = None,
    data: Annotated[str, typer.Option(help=networks.DATA_HELP)] = "",
    data_dir: DataDir = None,
    run: Annotated[Path | None, typer.Option(help="The run folder: a new or an empty one.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    config: Annotated[Path | None, typer.Option(help="Repeat the run of a config.yaml.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pictures.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="End after so many steps, if the epochs do not end before.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="sgd, momentum, nesterov, adam or adamw.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", help="0 takes the usual one.")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="For momentum and nesterov: 0.9.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Pull toward zero.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, step, cosine or onecycle.")
    ] = None,
    step_epochs: Annotated[
        int | None, typer.Option(help="For step: epochs between two falls; a third of all.")
    ] = None,
    step_factor: Annotated[
        float | None, typer.Option(help="For step: what the rate is multiplied by: 0.1.")
    ] = None,
    warmup: Annotated[float | None, typer.Option(help="Epochs the rate rises over.")] = None,
    smoothing: Annotated[
        float | None,
        typer.Option(help="Label smoothing, a share; for the cross-entropy of scores."),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(help="balanced: classes count the same; or a YAML file: cat: 2.0."),
    ] = None,
    sampling: Annotated[
        str | None, typer.Option(help="shuffled, or balanced: each class is drawn as often.")
    ] = None,
    clip: Annotated[float | None, typer.Option(help="Largest norm of the gradients.")] = None,
    accumulate: Annotated[
        int | None, typer.Option(help="Parts that a batch is computed in, for less memory.")
    ] = None,
    ema: Annotated[
        float | None, typer.Option(help="Decay of a moving average of the weights: 0.999.")
    ] = None,
    mixup: Annotated[
        float | None, typer.Option(help="Mix pairs of pictures; of the beta distribution: 0.2.")
    ] = None,
    cutmix: Annotated[
        float | None, typer.Option(help="Paste a part of another picture; as mixup: 1.")
    ] = None,
    erase: Annotated[
        float | None, typer.Option(help="Share of the pictures with a rectangle of noise.")
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many epochs without a better one.")
    ] = None,
    patience_steps: Annotated[
        int | None, typer.Option(help="The older patience, in steps; better looks double it.")
    ] = None,
    shift: Annotated[
        float | None, typer.Option(help="Random shift, pixels; a fraction interpolates.")
    ] = None,
    rotate: Annotated[float | None, typer.Option(help="Random rotation, degrees.")] = None,
    scale: Annotated[float | None, typer.Option(help="Random scale, a share.")] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Mirror half of the pictures.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(help="Pictures set aside: a count, a share, or 0.")
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option("--normalize/--no-normalize", help="Mean 0 and deviation 1, or 0..1 only."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Weights to start from, as far as they fit: of a model file, a run folder, or "
            "PyTorch's (.pt, .pth, .safetensors)."
        ),
    ] = None,
    freeze: Annotated[
        str | None, typer.Option(help="Layers that do not learn, by name: 'conv*, bn1'.")
    ] = None,
    initializer: Annotated[
        str | None, typer.Option(help="Of kernels: usual, he, xavier, normal(0.01) …")
    ] = None,
    bias_initializer: Annotated[str | None, typer.Option(help="Of biases.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    processes: Annotated[
        int, typer.Option(help="Processes that share each batch, as torchrun starts them.", min=1)
    ] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress display.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress on standard error, the result as JSON.")
    ] = False,
) -> None:
    """Train a network; without arguments a small LeNet on digits.

    The digits are the handwritten ones that come with scikit-learn: nothing is downloaded.

    A network of the catalog is fitted to the classes of the data, and to the size of its pictures
    where its layers allow it. A model file or run folder starts from its weights, with its recipe
    and its data where none are given; for other classes, --start takes the weights that fit. A run
    folder with --epochs alone goes on until it has so many; --resume goes on with one that was
    interrupted. With --processes N, or under torchrun (docs/scale.md), the processes share each
    batch, and rank 0 alone writes and prints. A setting that would do nothing beside the others is
    refused.

    Example: striate train "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> MAXPOOL 2 -> FC 10" --data mnist
    """
    given = dict(locals())
    if processes > 1 and "RANK" not in os.environ:
        from striate.cli.processes import launch

        raise typer.Exit(launch(processes, sys.argv[1:]))
    words = given.pop("network") or []
    texts, settings = _sorted_words(words)
    from striate.training import SETTINGS
    from striate.training.progress import ProgressBar

    settings |= {name: given[name] for name in SETTINGS if given[name] is not None}
    shown = ProgressBar(quiet=quiet or not terminal.is_first_rank(), to_error=as_json)
    with shown:
        result = _train(texts, settings, given, shown)
    if not terminal.is_first_rank():
        return
    if as_json:
        terminal.print_json(result.to_json())
    else:
        _print(result, shown.begun)


def _question(graph: Graph) -> str:
    """A first thing to ask: one number of the last convolution, else of the scores."""
    maps = [node.name for node in graph if node.operator.label == "conv"]
    name = maps[-1] if maps else graph.scores.name
    return f"{name}[{','.join('0' * graph.specs[name].rank)}]"


def _sorted_words(words: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The network, and the settings written as key=value."""
    texts = [word for word in words if not SETTING.fullmatch(word)]
    if len(texts) > 1:
        raise SettingError(
            f"one network at a time, not {len(texts)}", remedy="Put the notation in quotes."
        )
    pairs = [word.split("=", 1) for word in words if SETTING.fullmatch(word)]
    short = {"lr": "learning_rate"}
    return texts, {short.get(k, k.replace("-", "_")): value for k, value in pairs}


def _train(
    texts: list[str], settings: dict[str, Any], given: dict[str, Any], listen: Listener
) -> Result:
    from striate import training
    from striate.data.catalog import kept_place
    from striate.training.run_folder import read_yaml

    data, data_dir = settings.pop("data", None) or given["data"], given["data_dir"]
    if given["resume"] is not None:
        _refuse_with_resume(texts, settings, given)
        return training.resume(given["resume"], data_dir=data_dir, on_event=listen)
    for each in settings.keys() - set(training.SETTINGS):
        training.Recipe.from_dict({each: settings[each]})  # says what there is instead
    subject: Graph | str = texts[0] if texts else LENET
    name, recipe = "", None
    if given["config"] is not None:
        content = read_yaml(given["config"])
        graph, recipe, source = training.read_config(content, given["config"])
        data = data or source
        data_dir = data_dir or kept_place(data, content.get("data_dir"))
        if not texts:
            name = str(content.get("name", "network"))
            subject, recipe = _repeated(graph, recipe, has_model="classes" in content)
    elif not texts:
        _check_lenet(data)
    return training.train(
        subject,
        data,
        recipe,
        data_dir=data_dir,
        run=given["run"],
        name=name,
        on_event=listen,
        **settings,
    )


def _repeated(graph: Graph, recipe: Recipe, *, has_model: bool) -> tuple[Graph | str, Recipe]:
    """What a config.yaml begins with: the network alone, or the model that it started from."""
    return (recipe.start, replace(recipe, start="")) if has_model else (graph, recipe)


def _check_lenet(data: str) -> None:
    if data not in ("", "digits"):
        raise SettingError(
            f"which network shall learn {data}?",
            remedy='Name one: striate train lenet_adam --data mnist, or write it: "INPUT …".',
        )


def _refuse_with_resume(texts: list[str], settings: dict[str, Any], given: dict[str, Any]) -> None:
    extra = [*texts, *settings, *(name for name in ("data", "run", "config") if given[name])]
    if extra:
        run = shlex.quote(str(given["resume"]))
        more = f"For more epochs: striate train {run} --epochs {settings.get('epochs', 'N')}"
        raise SettingError(
            f"--resume goes on as the run began; it takes no {extra[0]}",
            remedy=more if extra == ["epochs"] else f"striate train --resume {run}",
        )


def _print(result: Result, begun: Started | None) -> None:
    from striate.training.progress import duration

    out = terminal.console()
    accuracy = result.test_accuracy
    out.print(
        "There were no test pictures." if accuracy is None else f"test accuracy {accuracy:.2%}",
        style="bold",
    )
    out.print(
        f"best of {result.epochs} epochs: {result.best_epoch}; "
        f"{duration(result.seconds)}, {result.images_per_second:,.0f} images/s; "
        f"first loss {result.first_loss:.4g}"
    )
    out.print(f"run folder {result.folder}\n\nNext:")
    for line in _next(result, begun):
        out.print(f"  {line}", soft_wrap=True)


def _next(result: Result, begun: Started | None) -> list[str]:
    """Commands that go on from here, as they can be typed in any folder."""
    run = shlex.quote(str(result.folder.resolve()))
    judged = "" if result.test_accuracy is not None else " --split all"
    lines = [f"striate evaluate {run}{judged}"]
    if begun is not None and begun.picture:
        picture = shlex.quote(begun.picture) if "/" in begun.picture else begun.picture
        lines += [
            f"striate predict {run} {picture}",
            f'striate why {run} {picture} "{_question(begun.graph)}"',
        ]
    return [*lines, f"striate show {shlex.quote(str(result.model.resolve()))}"]
