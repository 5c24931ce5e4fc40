"""`striate show`: the table of a network, before a single number is computed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from striate import lookup as networks
from striate.analysis.table import COUNTED, Row, Table, table
from striate.cli import terminal
from striate.errors import SettingError
from striate.graph import Graph


def run(
    network: Annotated[str, typer.Argument(help=networks.HELP)] = "",
    operators: Annotated[
        bool, typer.Option("--operators", help="List the operators of the notation instead.")
    ] = False,
    fused: Annotated[
        bool, typer.Option("--fused", help="And which chains may run as one compiled kernel.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what every layer of a network makes, holds, costs and sees.

    Example: striate show "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2]*2 -> FC 10"
    """
    if operators:
        _operators(as_json)
        return
    if not network:
        raise SettingError(
            "which network?",
            remedy='striate show "INPUT 1x28x28 -> CONV 6 5x5 -> RELU -> FC 10"',
        )
    graph = networks.graph_of(network)
    answer = table(graph)
    chains = _fused(graph) if fused else []
    if as_json:
        terminal.print_json(answer.to_json() | ({"fused": chains} if fused else {}))
        return
    _print(answer)
    if fused:
        _print_fused(chains)


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
    out = terminal.console()
    if not chains:
        out.print("\nThere is no chain that a fused kernel stands for.")
        return
    rows = []
    for chain in chains:
        nodes = chain["nodes"]
        named = " -> ".join(nodes) if len(nodes) < 4 else f"{nodes[0]} -> … -> {nodes[-1]}"
        start = (named, chain["kernel"])
        for each in chain["measured"] or [None]:
            rows.append((*start, *(_verdict(each) if each else ("not measured yet", "", "", ""))))
            start = ("", "")
    headings = ("chain", "kernel", "measured for", "kernel ms", "without ms", "gain")
    out.print()
    out.print(terminal.grid(headings, rows, left=(0, 1, 2)))
    out.print(
        "Without: by PyTorch; where several kernels are one call, by each alone. A kernel with no "
        "gain is not used. Delete choices.json in the cache to ask again."
    )


def _verdict(choice: dict[str, Any]) -> tuple[str, ...]:
    fused, plain = choice["fused_ms"], choice["plain_ms"]
    gain = f"{plain / fused:.2f}x" if choice["fused_wins"] else "not used"
    return choice["layer"], f"{fused:.3f}", f"{plain:.3f}", gain


def _print(answer: Table) -> None:
    out = terminal.console()
    headings = ("name", "layer", "output", "parameters", "connections", "multiply-adds")
    totals = answer.totals
    out.print(
        terminal.grid(
            (*headings, "sees", "stride", "offset", "memory"),
            [_cells(row) for row in answer.rows],
            left=(0, 1, 2),
            footer=(
                "total",
                "",
                "",
                *(f"{totals[key]:,}" for key in ("parameters", "connections", "multiply_adds")),
                "",
                "",
                "",
                terminal.size(totals["activation_bytes"]),
            ),
        )
    )
    out.print(
        f"Weights take {terminal.size(answer.weight_bytes)} in float32; inference keeps at most "
        f"{terminal.size(answer.peak_bytes)} of activations alive a picture.\n"
    )
    for line in COUNTED:
        out.print(f"  {line}", style="dim")
    for line in answer.not_counted:
        out.print(f"  Not known: {line}.", style="yellow")


def _cells(row: Row) -> tuple[str, ...]:
    spans = row.receptive_field.spans
    return (
        row.name,
        f"{row.operator} {row.settings}".strip(),
        str(row.output),
        terminal.count(row.parameters),
        terminal.count(row.connections),
        terminal.count(row.multiply_adds),
        "x".join(str(span.size) for span in spans),
        _by_axis([span.stride for span in spans]),
        _by_axis([span.offset for span in spans]),
        terminal.size(row.activation_bytes),
    )


def _by_axis(numbers: list[int]) -> str:
    """One number when the axes are alike, else one an axis."""
    return "x".join(map(str, dict.fromkeys(numbers) if len(set(numbers)) == 1 else numbers))


def _operators(as_json: bool) -> None:
    from striate.notation import operators

    found = operators()
    if as_json:
        terminal.print_json({"schema_version": 1, "operators": [vars(each) for each in found]})
        return
    rows = [(each.keyword, each.signature, each.meaning) for each in found]
    terminal.console().print(
        terminal.grid(("operator", "written", "meaning"), rows, left=(0, 1, 2))
    )
