"""`striate export`: the network as plain PyTorch source text, or with its weights as ONNX."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from striate import lookup as networks
from striate.cli import DONE, NO, terminal
from striate.cli.options import Inputs
from striate.errors import IdleSettingError
from striate.graph import Graph


class Target(StrEnum):
    """What a network can be written as."""

    python = "python"
    notation = "notation"
    json = "json"
    onnx = "onnx"


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)],
    to: Annotated[Target, typer.Option(help="The form to write.")] = Target.python,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "--out",
            "-o",
            help="A new file; else standard output, and for ONNX a file of the network's name.",
        ),
    ] = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="ONNX of the bare network: normalized numbers in, scores out."),
    ] = False,
    inputs: Inputs = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what was written where, as JSON.")
    ] = False,
) -> None:
    """Write a network as plain PyTorch source, text, JSON or ONNX.

    The source runs without Striate. An ONNX file of a model takes uint8 pictures of the network's
    size and answers with probabilities. It is run by onnxruntime and compared with PyTorch; the
    exit code is 1 when they differ by more than 1e-4.

    Example: striate export "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10" --to python

    Example: striate export runs/lenet-digits-1 --to onnx --out lenet.onnx
    """
    subject = networks.named(network, inputs or ())
    if to is Target.onnx:
        raise typer.Exit(_onnx(network, subject, output, raw, as_json))
    if raw:
        raise IdleSettingError(
            f"raw does nothing beside --to {to.value}", setting="raw", remedy="Add --to onnx."
        )
    written = _written(networks.graph_of(subject), to)
    if output is not None:
        networks.checked_output(output).write_text(written, encoding="utf-8")
    if as_json:
        place = str(output) if output else None
        terminal.print_json({"schema_version": 1, "form": to.value, "file": place, "text": written})
    elif output is None:
        terminal.write(written, sys.stdout)  # a program: exactly as it is
    else:
        terminal.say(f"wrote {output}")


def _onnx(
    network: str, given: networks.NetworkLike, output: Path | None, raw: bool, as_json: bool
) -> int:
    """Write an ONNX file, compare it with PyTorch, and say both; the exit code."""
    from striate.analysis.onnx_check import check_onnx
    from striate.exchange.arrays import write_file
    from striate.exchange.onnx_out import onnx_bytes
    from striate.exchange.onnx_package import package

    package("onnxruntime")
    subject = networks.explainable_of(given)
    bare = raw or isinstance(subject, networks.Weighted)
    word = Path(network)
    name = word.name if word.is_dir() else networks.name_of(network)
    file = networks.checked_output(output or Path(f"{name}.onnx"))
    model = subject.onnx(raw=bare)
    write_file(file, onnx_bytes(model))
    checked = check_onnx(file, subject, raw=bare)
    notes = list(subject.notes) if isinstance(subject, networks.Weighted) else []
    if as_json:
        answer = {"schema_version": 1, "form": "onnx", "file": str(file), "raw": bare}
        terminal.print_json({**answer, "notes": notes, "check": checked.to_json()})
    else:
        terminal.say(f"wrote {file}: {_ends(model)}, {file.stat().st_size:,} bytes")
        for note in notes:
            terminal.say(note)
        terminal.show(checked.display())
    return DONE if checked.ok else NO


def _ends(model: Any) -> str:
    """What enters and what leaves: picture Nx1x28x28 -> probabilities Nx10."""
    entering, leaving = (
        ", ".join(
            "x".join(
                [f"{value.name} {value.type.tensor_type.shape.dim[0].dim_param}"]
                + [str(each.dim_value) for each in value.type.tensor_type.shape.dim[1:]]
            )
            for value in values
        )
        for values in (model.graph.input, model.graph.output)
    )
    return f"{entering} -> {leaving}"


def _written(graph: Graph, form: Target) -> str:
    if form is Target.notation:
        from striate.notation import text

        return text(graph) + "\n"
    if form is Target.json:
        import json

        from striate.exchange.json import to_json

        return json.dumps(to_json(graph), indent=2) + "\n"
    from striate.pytorch import source

    return source(graph)
