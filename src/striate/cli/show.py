"""`striate show`: the table of a network, before a single number is computed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from striate import lookup as networks
from striate.analysis.table import Table, table
from striate.analysis.training_memory import BATCH
from striate.cli import terminal
from striate.cli.options import AsJson, Inputs
from striate.display import Column, Grid, Line, as_html, as_latex, as_markdown
from striate.errors import IdleSettingError, SettingError
from striate.graph import Graph
from striate.graph.window import PADDINGS

WIDEST = 80
"""Columns of a page, at most: lines that are longer are hard to read."""


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)] = "",
    operators: Annotated[
        bool, typer.Option("--operators", help="List the operators of the notation instead.")
    ] = False,
    operator: Annotated[
        str, typer.Option(help="Print the page of one operator: formula, gradient, settings.")
    ] = "",
    fused: Annotated[
        bool, typer.Option("--fused", help="And which chains may run as one compiled kernel.")
    ] = False,
    batch: Annotated[
        int, typer.Option(help="Pictures a training step takes, for its memory.", min=1)
    ] = BATCH,
    inputs: Inputs = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print it as Markdown.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Print it for LaTeX (booktabs).")] = False,
    html: Annotated[bool, typer.Option("--html", help="Print it as HTML.")] = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print its rows for a spreadsheet: plain numbers, bytes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what every layer of a network makes, holds, costs and sees.

    Example: striate show "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 10"
    """
    if operators:
        _operators(as_json)
        return
    if operator:
        _page(operator, network, as_json)
        return
    if not network:
        raise SettingError(
            "which network?",
            remedy='striate show "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10"',
        )
    subject = networks.subject_of(networks.named(network, inputs or ()))
    graph = networks.graph_of(subject)
    answer = table(subject, batch=batch)
    chains = _fused(graph) if fused else []
    forms = {"markdown": markdown, "latex": latex, "html": html, "csv": csv}
    asked = [name for name, is_asked in forms.items() if is_asked]
    if asked:
        _written(answer, asked, {"json": as_json, "fused": fused})
        return
    if as_json:
        terminal.print_json(answer.to_json() | ({"fused": chains} if fused else {}))
        return
    terminal.show(answer.display())
    if fused:
        _print_fused(chains)


def _written(answer: Table, asked: list[str], others: dict[str, bool]) -> None:
    """Print the table in the form that is asked for, if it is one."""
    beside = [*asked[1:], *(name for name, is_asked in others.items() if is_asked)]
    if beside:
        raise IdleSettingError(
            f"--{beside[0]} does nothing beside --{asked[0]}",
            setting=beside[0],
            remedy="Ask for one form at a time.",
        )
    forms = {"markdown": as_markdown, "latex": as_latex, "html": as_html}
    text = answer.csv() if asked == ["csv"] else f"{forms[asked[0]](answer.display())}\n"
    terminal.write(text, sys.stdout)


def _fused(graph: Graph) -> list[dict[str, Any]]:
    """The chains that have a kernel, with what was measured on this machine so far."""
    from striate.engine.describe import segments
    from striate.fused.choose import choices

    found: dict[Any, list[dict[str, Any]]] = {}
    for choice in choices():
        told = {"layer": str(choice.question), "fused_ms": choice.fused_ms}
        told |= {"plain_ms": choice.plain_ms, "margin": choice.margin}
        asked = choice.question.kernel, choice.question.layers
        found.setdefault(asked, []).append(told | {"fused_wins": choice.is_faster})
    return [
        {
            "kernel": each.kernel,
            "nodes": list(each.nodes),
            "measured": found.get((each.kernel, each.layers), []),
        }
        for each in segments(graph)
    ]


def _print_fused(chains: list[dict[str, Any]]) -> None:
    if not chains:
        terminal.say("\nThere is no chain that a fused kernel stands for.")
        return
    rows = []
    for chain in chains:
        nodes = chain["nodes"]
        named = " -> ".join(nodes) if len(nodes) < 4 else f"{nodes[0]} -> … -> {nodes[-1]}"
        start = (named, chain["kernel"])
        for each in chain["measured"] or [None]:
            rows.append((*start, *(_verdict(each) if each else ("not measured yet", "", "", ""))))
            start = ("", "")
    columns = (
        Column("chain", text=True, wide=32),
        Column("kernel", text=True, wide=24),
        Column("measured for", text=True, wide=24),
        Column("kernel ms", rank=2),
        Column("without ms", rank=1),
        Column("gain"),
    )
    note = (
        "Without: by PyTorch; where several kernels are one call, by each alone. A kernel with no "
        "gain is not used. Delete choices.json in the cache to ask again."
    )
    terminal.show([Grid(columns, tuple(rows)), Line(note)])


def _verdict(choice: dict[str, Any]) -> tuple[str, ...]:
    fused, plain = choice["fused_ms"], choice["plain_ms"]
    gain = f"{plain / fused:.2f}x" if choice["fused_wins"] else "not used"
    return choice["layer"], f"{fused:.3f}", f"{plain:.3f}", gain


def _operators(as_json: bool) -> None:
    from striate.notation import operators

    found = operators()
    if as_json:
        terminal.print_json({"schema_version": 1, "operators": [vars(each) for each in found]})
        return
    columns = (
        Column("operator", text=True),
        Column("written", text=True, wide=56),
        Column("meaning", text=True, wide=40),
    )
    rows = tuple((each.keyword, each.signature, each.meaning) for each in found)
    terminal.show([Grid(columns, rows), *_besides()])


def _page(keyword: str, network: str, as_json: bool) -> None:
    """The page of one operator, no wider than is good to read.

    Raises:
        IdleSettingError: a network is named beside it.
    """
    from striate.notation import page

    if network:
        raise IdleSettingError(
            "--operator shows the page of an operator, and no network beside it",
            setting="operator",
            remedy=f"striate show --operator {keyword}",
        )
    found = page(keyword)
    if as_json:
        told = {name: getattr(found, name) for name in ("keyword", "signature", "aliases")}
        told |= {"page": found.text, "settings": found.settings}
        terminal.print_json({"schema_version": 1, "operator": told})
        return
    terminal.write(found.plain(min(terminal.console().width, WIDEST)), sys.stdout)


def _besides() -> Iterator[Line]:
    yield Line("Weights: every layer that has some takes shares=conv1, to compute with conv1's.")
    yield Line("Padding, beside pad=1 or pad=1+2x0+0 (cells before and after, per axis):")
    yield from (Line(f"  {word}: {meaning}", "quiet") for word, meaning in PADDINGS.items())
