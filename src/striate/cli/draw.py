"""`striate draw`: figures of a network, of what it computes, and of how it was trained."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from striate import drawing
from striate import lookup as networks
from striate.analysis.expression import numbers_of
from striate.analysis.heat import DEFAULT, heat
from striate.analysis.heat_methods import METHODS
from striate.cli import photographs, terminal
from striate.cli.options import DataDir, FirstSeed, InkWay, Inputs, WeightsFile
from striate.errors import IdleSettingError, SettingError
from striate.lookup import NetworkLike, Weighted
from striate.model_data import data_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from striate.analysis.subject import Subject
    from striate.data import DataSet
    from striate.data.given import Given
    from striate.model import Model
    from striate.training.evaluate import Evaluation

Options = Mapping[str, Any]
"""What was given on the command line, by name."""

PICTURED = ("picture", "data_dir", "ink", "seed", "weights")


def _why(subject: Subject, picture: Given, number: str, **more: Any) -> Figure:
    from striate.analysis.why.inquiry import why

    return drawing.why(why(subject, picture, number, **more))


def _heat(subject: Subject, picture: Given, method: str = DEFAULT, **more: Any) -> Figure:
    methods = tuple(METHODS) if method == "all" else (method,)
    return drawing.heat(*(heat(subject, picture, method=each, **more) for each in methods))


def _graph(subject: Subject, picture: object, number: str = "", **more: Any) -> Figure:
    return drawing.graph(subject, picture, number, **more)


def _field(subject: Subject, picture: Given, number: str) -> Figure:
    return drawing.field(subject, picture, number)


def _compare(subject: str, others: tuple[str, ...]) -> Figure:
    return drawing.compare(subject, *others)


def _invariance(subject: Subject, picture: Given, number: str = "") -> Figure:
    from striate.analysis.invariance import invariance

    found = [invariance(subject, picture)]
    if number:
        found.append(invariance(networks.explainable_of(number), picture))
    return drawing.invariance(*found)


def _confusion(subject: str, **more: Any) -> Figure:
    return drawing.confusion(_judged(subject, **more)[0])


def _mistakes(subject: str, **more: Any) -> Figure:
    judged, pictures = _judged(subject, **more)
    return drawing.mistakes(judged, pictures.split("test").images)


def _judged(file: str, data: str = "", data_dir: Path | None = None) -> tuple[Evaluation, DataSet]:
    """How a model does on the test pictures, and these."""
    from striate.training import evaluate

    model = networks.model_of(file)
    pictures = data_of(model, data, data_dir, judging=True)
    return evaluate(model, pictures), pictures


KINDS: dict[str, tuple[Callable[..., Figure], tuple[str, ...]]] = {
    "network": (drawing.network, ("is_open",)),
    "kernels": (drawing.kernels, ("layer", "seed", "weights")),
    "maps": (drawing.maps, ("layer", *PICTURED)),
    "errors": (drawing.errors, ("layer", "target", *PICTURED)),
    "heat": (_heat, ("method", "samples", "layer", "target", *PICTURED)),
    "why": (_why, ("number", "target", *PICTURED)),
    "graph": (_graph, ("number", "target", *PICTURED)),
    "field": (_field, ("number", *PICTURED)),
    "curves": (drawing.curves, ()),
    "invariance": (_invariance, ("number", *PICTURED)),
    "compare": (_compare, ("others",)),
    "confusion": (_confusion, ("data", "data_dir")),
    "mistakes": (_mistakes, ("data", "data_dir")),
}
"""Each kind: the function that draws it, and the settings that it takes."""

Kind = StrEnum("Kind", list(KINDS))  # type: ignore[misc]


class TextFormat(StrEnum):
    """What the architecture can be written as, for others to draw."""

    mermaid = "mermaid"
    dot = "dot"


def run(
    what: Annotated[Kind, typer.Argument(help="The kind of figure.")],
    subject: Annotated[str, typer.Argument(help=networks.HELP, metavar="NETWORK")],
    picture: Annotated[
        str,
        typer.Argument(
            help="For maps, errors, heat, graph, why, field and invariance: "
            f"{networks.PICTURE_HELP} For graph also the inputs of an expression: x=5,y=3."
        ),
    ] = "",
    numbers: Annotated[
        list[str] | None,
        typer.Argument(
            help="For why: a number as striate why takes it; for field: a layer or unit; for "
            "graph: a node, to draw what it is computed from; for invariance: another network to "
            "draw below. For compare, all words are run folders.",
            metavar="[NUMBER]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--out", "--output", "-o", help="A new .png, .svg or .pdf file."),
    ] = None,
    layer: Annotated[
        str, typer.Option(help="Of kernels, maps, errors and heat: one layer, all of it.")
    ] = "",
    target: Annotated[
        str, typer.Option(help="The right class, for gradients; of heat, the class.")
    ] = "",
    method: Annotated[str, typer.Option(help=f"Of heat: {', '.join(METHODS)}; or all.")] = "",
    samples: Annotated[
        int | None,
        typer.Option(
            help="Of heat: steps, noisy pictures, or squares along a side; else by size.", min=2
        ),
    ] = None,
    to: Annotated[
        TextFormat | None, typer.Option(help="Print a network as text that others draw.")
    ] = None,
    is_open: Annotated[
        bool | None,
        typer.Option(
            "--open/--folded",
            help="Draw every branch of a network, or branches as lines of one box; else by size.",
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(help="Of confusion and mistakes: a data set or folder; else the model's own."),
    ] = "",
    data_dir: DataDir = None,
    seed: FirstSeed = None,
    weights: WeightsFile = None,
    ink: InkWay = "keep",
    inputs: Inputs = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written where, as JSON.")
    ] = False,
) -> None:
    """Draw a network, what it computes, or how it learned.

    Example: striate draw network resnet18 --out resnet18.png
    """
    photographs.check_way(ink)
    given = {
        **_positions(what.value, picture, numbers or []),
        "data": data,
        "layer": layer,
        "target": target,
        "method": method,
        "samples": samples,
        "to": to,
        "is_open": is_open,
        "data_dir": data_dir,
        "seed": seed,
        "weights": weights,
        "ink": "" if ink == "keep" else ink,
    }
    asked = {name: value for name, value in given.items() if value not in (None, "")}
    _check(what.value, asked)
    network = networks.named(subject, inputs or ())
    text = _text(network, to, is_open, output) if to is not None else None
    if to is None:
        _write(what.value, network, asked, output)
    if as_json:
        place = str(output) if output is not None else None
        terminal.print_json({"schema_version": 1, "kind": what.value, "file": place, "text": text})
    elif output is not None:
        terminal.say(f"wrote {output}")
    else:
        terminal.write(text or "", sys.stdout)


def _positions(kind: str, picture: str, numbers: list[str]) -> dict[str, object]:
    """What the words behind the network are, for a kind of figure.

    Raises:
        SettingError: there are too many.
    """
    if kind == "compare":
        return {"others": tuple(filter(None, (picture, *numbers))) or ""}
    if len(numbers) > 1:
        raise SettingError(
            f"draw {kind} takes no more than one number", remedy=f"What is {numbers[1]!r}?"
        )
    return {"picture": picture, "number": "".join(numbers)}


def _write(kind: str, subject: NetworkLike, asked: Options, output: Path | None) -> None:
    if output is None:
        raise SettingError("which file?", remedy=f"Name a new one: --out {kind}.png")
    drawing.suffix_of(networks.checked_output(output))
    draw, _ = KINDS[kind]
    network: NetworkLike | Weighted = subject
    rest = asked
    numbers = numbers_of(asked.get("picture", "")) if kind == "graph" else None
    if numbers is not None:
        rest = _at(asked, numbers)
    elif "picture" in asked:
        network, rest = _with_picture(subject, asked)
    drawing.save(draw(network, **rest), output)


def _at(asked: Options, numbers: Mapping[str, float]) -> Options:
    """What is asked of an expression, with the numbers of its inputs.

    Raises:
        IdleSettingError: a setting that numbers do not take.
    """
    for name in asked:
        if name not in ("picture", "number", "seed"):
            raise IdleSettingError(
                f"numbers of inputs take no --{name.replace('_', '-')}",
                setting=name,
                remedy="It is for pictures.",
            )
    return {**asked, "picture": numbers}


def _with_picture(subject: NetworkLike, asked: Options) -> tuple[Model | Weighted, Options]:
    """The network and its picture as they are read, after saying what differs from training."""
    rest = dict(asked)
    word, ink = rest.pop("picture"), rest.pop("ink", "keep")
    network = networks.explainable_of(subject, rest.pop("seed", None), rest.pop("weights", None))
    given = network.read(word, data_dir=rest.pop("data_dir", None), ink=ink)
    photographs.print_notes(word, given, network.preprocessing, ink)
    return network, rest | {"picture": given}


def _text(subject: NetworkLike, to: TextFormat, is_open: bool | None, output: Path | None) -> str:
    """A network in another language, written where a file is named."""
    from striate.drawing.flow import TEXTS

    written = TEXTS[to.value](subject, is_open=is_open)
    if output is not None:
        networks.checked_output(output).write_text(written, encoding="utf-8")
    return written


def _check(kind: str, asked: Options) -> None:
    """Refuse what a kind of figure does not take, or lacks.

    Raises:
        SettingError: it says which.
    """
    _, takes = KINDS[kind]
    known = (*takes, "to") if kind == "network" else takes
    for name in asked:
        if name not in known:
            called = SAID.get(name, "--" + name.replace("_", "-"))
            others = [other for other, (_, settings) in KINDS.items() if name in settings]
            raise IdleSettingError(
                f"draw {kind} takes no {called}",
                setting=name,
                remedy=f"It is for {', '.join(others or ['network'])}.",
            )
    for name, example in POSITIONS.items():
        if name in takes and name not in asked and (kind, name) not in OPTIONAL:
            raise SettingError(
                f"draw {kind}: which {SAID[name]}?",
                remedy=f"Name it: striate draw {kind} {example} --out {kind}.png",
            )


SAID = {
    "picture": "picture",
    "number": "number or layer",
    "others": "other runs",
    "is_open": "--open or --folded",
}
"""How settings are called that are no option of their name."""

OPTIONAL = (("invariance", "number"), ("graph", "number"))
"""Kinds that take what stands behind the network, and need it not."""

POSITIONS = {
    "picture": "NETWORK digits#7",
    "number": 'NETWORK digits#7 "conv1[0,2,3]"',
    "others": "RUN ANOTHER",
}
"""What stands behind the kind of figure where it takes a picture and more, with an example."""
