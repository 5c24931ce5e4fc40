"""`striate train`: from a network and pictures to a model file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate import lookup as networks
from striate.cli import terminal
from striate.errors import SettingError
from striate.networks import NETWORKS

if TYPE_CHECKING:
    from striate.graph import Graph
    from striate.training import Listener, Result, Started

LENET = """\
INPUT 1x8x8 -> CONV 16 3x3 same -> RELU -> CONV 32 3x3 same -> RELU -> MAXPOOL 2
-> CONV 64 3x3 same -> RELU -> MAXPOOL 2 -> DROPOUT 0.25 -> FC 84 -> RELU -> FC 10"""
"""What is trained when no network is named: a LeNet for the 8x8 digits."""

LENET_RECIPE = {"epochs": 30, "batch_size": 32, "shift": 1.0, "rotate": 10.0, "smoothing": 0.05}

SETTING = re.compile(r"[A-Za-z][A-Za-z_-]*=[^\s>]*")


def run(
    network: Annotated[
        list[str] | None,
        typer.Argument(help=f"{networks.HELP} Settings may follow: epochs=5 optimizer=sgd."),
    ] = None,
    data: Annotated[
        str, typer.Option(help="digits, mnist, fashion_mnist, cifar10, or a folder of pictures.")
    ] = "",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="The run folder, which must not exist yet.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this folder.")] = None,
    config: Annotated[Path | None, typer.Option(help="Repeat the run of a config.yaml.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the pictures.")] = None,
    steps: Annotated[int | None, typer.Option(help="End after so many steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pictures a step.")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="sgd, momentum, nesterov, adam or adamw.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", "--lr", help="0 takes the usual one.")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="For momentum and nesterov.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Pull toward zero.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="constant, step, cosine or onecycle.")
    ] = None,
    step_epochs: Annotated[
        int | None, typer.Option(help="For step: epochs between two falls.")
    ] = None,
    step_factor: Annotated[
        float | None, typer.Option(help="For step: what the rate is multiplied by.")
    ] = None,
    warmup: Annotated[float | None, typer.Option(help="Epochs the rate rises over.")] = None,
    smoothing: Annotated[float | None, typer.Option(help="Label smoothing, a share.")] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many epochs without a better one.")
    ] = None,
    patience_steps: Annotated[
        int | None, typer.Option(help="The older patience, in steps; better looks double it.")
    ] = None,
    shift: Annotated[float | None, typer.Option(help="Random shift, pixels.")] = None,
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
        str | None, typer.Option(help="First weights of some nodes, from striate pretrain.")
    ] = None,
    initializer: Annotated[
        str | None, typer.Option(help="Of kernels: usual, he, xavier, normal(0.01) …")
    ] = None,
    bias_initializer: Annotated[str | None, typer.Option(help="Of biases.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress display.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Progress on standard error, the result as JSON.")
    ] = False,
) -> None:
    """Train a network; without arguments a small LeNet on the bundled handwritten digits.

    Example: striate train "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> MAXPOOL 2 -> FC 10" --data mnist
    """
    given = dict(locals())
    words = given.pop("network") or []
    texts, settings = _sorted_words(words)
    from striate.cli.progress import Progress
    from striate.training import SETTINGS

    settings |= {name: given[name] for name in SETTINGS if given[name] is not None}
    shown = Progress(quiet=quiet, to_error=as_json)
    with shown:
        result = _train(texts, settings, given, shown)
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
    from striate.training.run_folder import read_yaml

    data, data_dir = settings.pop("data", None) or given["data"], given["data_dir"]
    if given["resume"] is not None:
        _refuse_with_resume(texts, settings, given)
        return training.resume(given["resume"], data_dir=data_dir, on_event=listen)
    recipe: dict[str, Any] = {}
    if given["config"] is not None:
        content = read_yaml(given["config"])
        graph, kept, source = training.read_config(content, given["config"])
        recipe, data = kept.to_dict(), data or source
        data_dir, name = data_dir or content.get("data_dir"), str(content.get("name", "network"))
        if texts:
            graph, name = networks.graph_of(texts[0]), networks.name_of(texts[0])
    elif texts:
        graph, name = networks.graph_of(texts[0]), networks.name_of(texts[0])
        if known := NETWORKS.get(name):
            recipe, data = dict(known.recipe), data or known.data
    else:
        graph, name, recipe = _lenet(data)
    return training.train(
        graph,
        data or "digits",
        training.Recipe.from_dict({**recipe, **settings}),
        data_dir=data_dir,
        run=given["run"],
        name=name,
        on_event=listen,
    )


def _lenet(data: str) -> tuple[Any, str, dict[str, Any]]:
    if data not in ("", "digits"):
        raise SettingError(
            f"which network shall learn {data}?",
            remedy='Name one: striate train lenet_adam --data mnist, or write it: "INPUT …".',
        )
    return networks.graph_of(LENET), "lenet", dict(LENET_RECIPE)


def _refuse_with_resume(texts: list[str], settings: dict[str, Any], given: dict[str, Any]) -> None:
    extra = [*texts, *settings, *(name for name in ("data", "run", "config") if given[name])]
    if extra:
        raise SettingError(
            f"--resume goes on as the run began; it takes no {extra[0]}",
            remedy=f"striate train --resume {given['resume']}",
        )


def _print(result: Result, begun: Started | None) -> None:
    from striate.data import NAMES

    out = terminal.console()
    accuracy = result.test_accuracy
    out.print(
        "There were no test pictures." if accuracy is None else f"test accuracy {accuracy:.2%}",
        style="bold",
    )
    out.print(
        f"best of {result.epochs} epochs: {result.best_epoch}; "
        f"{terminal.duration(result.seconds)}, {result.images_per_second:,.0f} images/s; "
        f"first loss {result.first_loss:.4g}"
    )
    out.print(f"run folder {result.folder}\n\nNext:")
    picture = f"{begun.data}#0" if begun is not None and begun.data in NAMES else "PICTURE.png"
    question = _question(begun.graph) if begun is not None else "loss"
    for line in (
        f"striate evaluate {result.folder}",
        f"striate predict {result.folder} {picture}",
        f'striate why {result.folder} {picture} "{question}"',
        f"striate show {result.model}",
    ):
        out.print(f"  {line}")
