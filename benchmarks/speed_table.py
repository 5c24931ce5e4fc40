"""Write the tables of docs/speed.md anew from what `striate bench --json` left.

python benchmarks/speed_table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
TARGETS = {"A": (3.0, 2.3), "B": (4.0, 3.0), "C": (4.5, 2.8)}


def table(result: dict[str, Any]) -> str:
    """One result file as a table under its machine and date."""
    lines = [
        f"{result['processor']} ({result['instructions']}), threads: {result['threads']}, "
        f"PyTorch {result['torch']}, {result['date']}, {result['data']}, median of "
        f"{result['steps']} steps, load average {result['load_average']}, "
        f"matrix product {result['matmul_gflops']:.0f} GFLOP/s:",
        "",
        "| net | Striate | eager | channels_last | eager / Striate (target)"
        " | channels_last / Striate (target) | of the matrix product |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, net in result["nets"].items():
        ms, ratio = net["milliseconds"], net["ratio"]
        times = " | ".join(f"{ms[k]:.1f} ms" for k in ("striate", "eager", "channels_last"))
        told = " | ".join(
            f"{ratio[k]:.2f} ({target}, {'met' if ratio[k] >= target else 'missed'})"
            for k, target in zip(("eager", "channels_last"), TARGETS[name], strict=True)
        )
        lines.append(f"| {name} | {times} | {told} | {net['share_of_peak']:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Replace what stands between the two marks."""
    files = sorted((ROOT / "benchmarks" / "results").glob("bench-*.json"))
    tables = "\n\n".join(table(json.loads(each.read_text())) for each in files)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}")


if __name__ == "__main__":
    main()
