"""Write the tables of docs/speed.md anew from the committed results.

striate bench A B C resnet18 vgg16_bn --json > benchmarks/results/bench-NAME.json
python benchmarks/peers.py ... --json benchmarks/results/peers-NAME.json
python benchmarks/to_99.py --json benchmarks/results/to-99-NAME.json
python benchmarks/speed_table.py
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "speed.md"
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
TARGETS = {
    ("training", "A", "eager"): 3.0,
    ("training", "A", "channels_last"): 2.3,
    ("training", "B", "eager"): 4.0,
    ("training", "B", "channels_last"): 3.0,
    ("training", "C", "eager"): 4.5,
    ("training", "C", "channels_last"): 2.8,
    ("training", "resnet18", "eager"): 1.8,
    ("training", "vgg16_bn", "eager"): 1.6,
    **{("inference", name, "onnxruntime"): 1.7 for name in "ABC"},
}
"""Times as fast as a contender: training steps, and inference with batches of 32."""

TO_99 = 3.0


def ruled(headings: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, numbers to the right."""
    lines = [headings, ["---", *["--:"] * (len(headings) - 1)], *rows]
    return "\n".join(f"| {' | '.join(each)} |" for each in lines)


def where(answer: dict[str, Any]) -> str:
    """The machine and the moment."""
    peak = answer.get("fma_gflops")
    return (
        f"{answer['processor']} ({answer['instructions']}), threads: {answer['threads']}, "
        f"{f'FMA peak {peak:.0f} GFLOP/s, ' if peak else ''}PyTorch {answer['torch']}, "
        f"{answer['date']}, load average {answer['load_average']}"
    )


def clock(answer: dict[str, Any]) -> str:
    """What a second is."""
    return "processor time" if answer["clock"] == "processor" else "wall time"


def bench(answer: dict[str, Any]) -> str:
    """What `striate bench --json` left."""
    results = answer["results"]
    others = list(dict.fromkeys(name for each in results for name in each["ratio"]))[1:]
    rows = [
        [
            f"{each['net']}, {each['batch']}",
            f"{each['milliseconds']['striate']:.3g} ms",
            *(cell(answer["task"], each, name) for name in others),
            "" if each["share_of_fma_peak"] is None else f"{each['share_of_fma_peak']:.0%}",
        ]
        for each in results
    ]
    what = "Inference" if answer["task"] == "inference" else "Training steps"
    about = f"**{what}**, {clock(answer)}, medians of {answer['steps']}; {where(answer)}:"
    return f"{about}\n\n{ruled(['net, batch', 'Striate', *others, 'of FMA peak'], rows)}"


def cell(task: str, result: dict[str, Any], name: str) -> str:
    """A contender's milliseconds, over Striate's, and whether that was the aim."""
    if name not in result["ratio"]:
        return ""
    ratio = result["ratio"][name]
    told = f"{result['milliseconds'][name]:.3g} ms, **{ratio:.2f}x**"
    target = TARGETS.get((task, result["net"], name))
    if target is None or (task == "inference" and result["batch"] != 32):
        return told
    return f"{told} ({verdict(ratio, target)})"


def verdict(ratio: float, target: float) -> str:
    """Whether what was aimed at was reached."""
    return f"{target}: {'met' if ratio >= target else 'missed'}"


def peers(answer: dict[str, Any]) -> str:
    """What peers.py left."""
    nets = answer["nets"]
    others = list(next(iter(nets.values()))["ratio"])[1:]
    rows = [
        [
            name,
            f"{net['milliseconds']['Striate']:.3g} ms",
            *(f"{net['milliseconds'][k]:.3g} ms, **{net['ratio'][k]:.2f}x**" for k in others),
        ]
        for name, net in nets.items()
    ]
    about = (
        f"**Training steps of other libraries**, processes that take turns, {clock(answer)}, "
        f"medians of {answer['steps']}; {where(answer)}:"
    )
    return f"{about}\n\n{ruled(['net', 'Striate', *others], rows)}"


def to_99(answer: dict[str, Any]) -> str:
    """What to_99.py left."""
    runs, first = answer["runs"], answer["first_run_ever"]
    rows = [
        [
            name,
            *(f"{statistics.median(run[key] for run in runs[which]):.1f} s" for key in CLOCKS),
            " ".join(f"{run['test_accuracy']:.2%}" for run in runs[which]),
        ]
        for name, which in (("plain PyTorch", "plain"), ("Striate", "striate"))
    ]
    ever = [*(f"{first[key]:.1f} s" for key in CLOCKS), f"{first['test_accuracy']:.2%}"]
    rows.append(["Striate, the first run ever, which builds kernels", *ever])
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in answer["split"].items())
    ratio = answer["ratio"]
    return (
        f"**MNIST to 99 %**, from process start to done (`benchmarks/to_99.py`; "
        f"`{answer['network']}`, {answer['recipe']['epochs']} epochs); {where(answer)}:\n\n"
        f"{ruled(['run', *CLOCKS, 'test accuracy'], rows)}\n\n"
        f"Plain PyTorch takes {ratio['wall']:.2f} times as long on the wall "
        f"({verdict(ratio['wall'], TO_99)}) and {ratio['processor']:.2f} times the processor's "
        f"time. Striate's seconds: {parts}."
    )


CLOCKS = ("wall", "processor")
KINDS = {"bench": bench, "peers": peers, "to-99": to_99}


def tables() -> Iterator[str]:
    """One a result file, in the order of kinds and names."""
    for kind, table in KINDS.items():
        for file in sorted(RESULTS.glob(f"{kind}-*.json")):
            yield table(json.loads(file.read_text()))


def page(before: str) -> str:
    """The page with the tables that belong there now."""
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    written = "\n\n".join(tables())
    return f"{head}{BEGIN}\n{written}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
