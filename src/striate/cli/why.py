"""`striate why`: the exact products behind one number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from striate import lookup as networks
from striate.cli import ink as inks
from striate.cli import terminal

if TYPE_CHECKING:
    from striate.analysis.why.explanation import Explanation

if TYPE_CHECKING:
    pass

SHOWN = 8
"""Products printed without --all: the largest."""


def run(
    file: Annotated[str, typer.Argument(help=networks.FILE_HELP)],
    picture: Annotated[str, typer.Argument(help=networks.PICTURE_HELP)],
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
    data_dir: Annotated[
        Path | None, typer.Option(help="Where named data sets lie; else STRIATE_DATA.")
    ] = None,
    ink: Annotated[str, typer.Option(help=inks.HELP)] = "keep",
    everything: Annotated[bool, typer.Option("--all", help="Print every product.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask why a number in a network is what it is: formula, products, sum and residual.

    Example: striate why runs/lenet-digits-1 digits#7 "conv2[3,4,5]"
    """
    from striate.analysis.why.inquiry import why

    model = networks.model_of(file)
    source, label = networks.picture_of(picture, model, data_dir)
    image = model.preprocessing.picture(source, ink=ink)
    inks.print_differences(picture, model.preprocessing.differences(image), ink)
    answer = why(model, image, what, target=target or label or None)
    if as_json:
        terminal.print_json(answer.to_json())
    else:
        _print(answer, everything)


def _print(answer: Explanation, everything: bool) -> None:
    out = terminal.console()
    out.print(f"{answer.what} = {answer.formula}", style="bold")
    count = len(answer.terms)
    out.print(f"  {count:,} {'product' if count == 1 else 'products'}{_target(answer)}\n")
    largest = [term for term in answer.largest(SHOWN) if term.value]
    shown = list(answer.terms) if everything else largest
    rows = [
        (
            f"{term.value:+.8g}",
            " · ".join(f"{factor.value:.6g}" for factor in term.factors),
            " · ".join(factor.what for factor in term.factors),
        )
        for term in shown
    ]
    if len(shown) < count:
        rest = answer.value - sum(term.value for term in shown)
        rows.append((f"{rest:+.8g}", f"the other {count - len(shown):,}", "--all prints each"))
    if rows:
        out.print(terminal.grid(("term", "values", "factors"), rows, left=(1, 2)))
    out.print(_sums(answer), style="bold")
    if answer.sees:
        seen = ", ".join(f"{each.axis}s {each.first}–{each.last}" for each in answer.sees)
        out.print(f"sees {seen} of the input", style="dim")
    for note in answer.notes:
        out.print(note, style="dim")
    if answer.askable:
        out.print(f"Ask on, for example: {answer.askable[0]}", style="dim")


def _target(answer: Explanation) -> str:
    return f", for the target {answer.target}" if answer.target else ""


def _sums(answer: Explanation) -> str:
    parts = [f"sum {answer.value:.9g}"]
    if answer.stored is not None and answer.residual is not None:
        parts.append(f"stored {answer.stored:.9g}")
        parts.append(f"residual {answer.residual:.1e} (float32)")
    parts.append(f"reference residual {answer.reference_residual:.0e}")
    return "   ".join(parts)
