"""Write the tables of docs/speed.md anew from what `striate bench --json` left.

striate bench A B C resnet18 vgg16_bn --json > benchmarks/results/bench-NAME.json
python benchmarks/speed_table.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
TARGETS = {
    ("A", "eager"): 3.0,
    ("A", "channels_last"): 2.3,
    ("B", "eager"): 4.0,
    ("B", "channels_last"): 3.0,
    ("C", "eager"): 4.5,
    ("C", "channels_last"): 2.8,
    ("resnet18", "eager"): 1.8,
    ("vgg16_bn", "eager"): 1.6,
    **{(name, "onnxruntime"): 1.7 for name in "ABC"},
}
"""Times as fast as a contender: training steps, and inference with batches of 32."""


def table(answer: dict[str, Any]) -> str:
    """One result file as a table under its machine and date."""
    results = answer["results"]
    others = list(dict.fromkeys(name for each in results for name in each["ratio"]))[1:]
    headings = ["net, batch", "Striate", *others, "of FMA peak"]
    rows = [
        [
            f"{each['net']}, {each['batch']}",
            f"{each['milliseconds']['striate']:.3g} ms",
            *(cell(each, name) for name in others),
            share(each["share_of_fma_peak"]),
        ]
        for each in results
    ]
    ruled = [headings, ["---", *["--:"] * (len(headings) - 1)], *rows]
    return "\n".join([caption(answer), "", *(f"| {' | '.join(row)} |" for row in ruled)])


def caption(answer: dict[str, Any]) -> str:
    """What was measured, where and when, in a sentence."""
    what = "Inference" if answer["task"] == "inference" else "Training steps"
    clock = "processor time" if answer["clock"] == "processor" else "wall time"
    peak = answer["fma_gflops"]
    return (
        f"**{what}, threads: {answer['threads']}, {clock}**; {answer['processor']} "
        f"({answer['instructions']}){f', FMA peak {peak:.0f} GFLOP/s' if peak else ''}, PyTorch "
        f"{answer['torch']}, {answer['date']}, medians of {answer['steps']}, load average "
        f"{answer['load_average']}:"
    )


def cell(result: dict[str, Any], name: str) -> str:
    """A contender's milliseconds, over Striate's, and whether that was the aim."""
    if name not in result["ratio"]:
        return ""
    ratio = result["ratio"][name]
    told = f"{result['milliseconds'][name]:.3g} ms, **{ratio:.2f}x**"
    target = TARGETS.get((result["net"], name))
    if target is None or (name == "onnxruntime" and result["batch"] != 32):
        return told
    return f"{told} ({target}: {'met' if ratio >= target else 'missed'})"


def share(of_peak: float | None) -> str:
    """Per cent; empty where the peak was not measured."""
    return "" if of_peak is None else f"{of_peak:.0%}"


def main() -> None:
    """Replace what stands between the two marks."""
    files = sorted((ROOT / "benchmarks" / "results").glob("bench-*.json"))
    tables = "\n\n".join(table(json.loads(each.read_text())) for each in files)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}")


if __name__ == "__main__":
    main()
