"""The table of docs/networks.md: what was published of each network, and what is counted here.

python benchmarks/catalog_table.py > docs/networks.md
"""

from __future__ import annotations

from striate.analysis.table import Table, table
from striate.networks import NETWORKS, CatalogNetwork
from striate.notation import parse

INTRODUCTION = """\
# The catalog of networks

`striate networks` lists them, `striate networks NAME` prints the notation of one, `striate show
NAME` its table, and `striate verify NAME` compares its formulas with PyTorch, node by node. This
page is written by `python benchmarks/catalog_table.py > docs/networks.md`, and a test holds it to
what is counted.

Published figures are those of the sources at the end. Multiply-adds are those of convolutions,
dense layers and attention for one picture, in 10^9.
"""


def totals() -> str:
    """One row a network."""
    rows = [
        "| network | parameters | published | multiply-adds | published |",
        "|---|--:|--:|--:|--:|",
    ]
    for known in NETWORKS.values():
        counted = _table(known).totals
        figures = known.figures
        published = f"{figures.parameters:,}" if figures.parameters else ""
        work = f"{figures.giga_multiply_adds:.2f}" if figures.giga_multiply_adds else ""
        rows.append(
            f"| `{known.name}` | {counted['parameters']:,} | {published} "
            f"| {counted['multiply_adds'] / 1e9:.4f} | {work} |"
        )
    return "\n".join(rows)


def layers() -> str:
    """One row a published figure of a single layer."""
    rows = ["| network | layer | figure | counted | published |", "|---|---|---|--:|--:|"]
    for known in NETWORKS.values():
        counted = {row.name: row for row in _table(known).rows}
        for name, figures in known.figures.layers.items():
            for key, number in figures.items():
                found = getattr(counted[name], key)
                rows.append(f"| `{known.name}` | {name} | {key} | {found:,} | {number:,} |")
        for name, size in known.figures.receptive_fields.items():
            found = counted[name].receptive_field.spans[0].size
            rows.append(f"| `{known.name}` | {name} | receptive field | {found} | {size} |")
    return "\n".join(rows)


def sources() -> str:
    """One line a network."""
    return "\n".join(
        f"- `{known.name}`: {known.source.rstrip('.')}." for known in NETWORKS.values()
    )


def _table(known: CatalogNetwork) -> Table:
    return table(parse(known.notation))


def page() -> str:
    """The whole page."""
    parts = (
        INTRODUCTION,
        f"## Totals\n\n{totals()}\n",
        f"## Layers\n\n{layers()}\n",
        f"## Sources\n\n{sources()}\n",
    )
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
