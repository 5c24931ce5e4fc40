"""Memory to train: what is said before PyTorch is loaded, and what its allocator tells.

python benchmarks/training_memory.py            measures anew, into results/training_memory.json
python benchmarks/training_memory.py vgg11      measures one network anew
python benchmarks/training_memory.py --whole    measures predictions and steps with optimizers anew
python benchmarks/training_memory.py --page     prints docs/memory.md from the committed figures
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from striate.analysis.memory import memory
from striate.analysis.training_memory import training_memory
from striate.lookup import graph_of

RESULTS = Path(__file__).resolve().parent / "results" / "training_memory.json"

CASES = {
    "resnet18": 8,
    "resnet50": 4,
    "vgg11": 4,
    "alexnet": 16,
    "googlenet": 8,
    "densenet121": 4,
    "squeezenet1_1": 8,
    "mobilenet_v2": 8,
    "mobilenet_v3_small": 16,
    "shufflenet_v2_x1_0": 8,
    "efficientnet_b0": 8,
    "regnet_y_400mf": 8,
    "convnext_tiny": 4,
    "vit_tiny": 8,
    "mnist_plain": 128,
    "lenet_adam": 128,
    "lenet_tutorial": 128,
    "lenet_sigmoid": 128,
    "lenet5": 128,
}
"""Networks of the catalog on pictures of their own size, and how many a step."""

WAYS = ("layers", "without oneDNN", "fast")
"""Plain layers; the same with PyTorch's own convolutions; Striate's fast plan with its kernels."""

WHOLE = ("infer", "momentum", "adam")
"""A prediction; and a training step with the update of the weights."""

PAGE = """\
# Memory

    striate memory resnet18 --batch 32 --optimizer adam --budget 8GiB
    striate memory torchvision.models:resnet18 --input 3x224x224 --dtype bfloat16

say, before PyTorch computes anything, what a network takes at most to infer and to train: weights,
gradients, the optimizer's state, what autograd saves by operator, where most is there, and the
largest batch that fits a budget. `--json` has the same; in Python, `striate.memory(network,
batch=32, optimizer="adam", budget="8GiB")`. `striate show NETWORK --batch 32` says the bytes of a
training step in a line under the table.

Every operator says what its PyTorch layer keeps until its backward (`saves`: the input, the output,
a mask, the places of winners, statistics, nothing), and a test holds it to what autograd keeps
(`tests/ops/test_saves.py`). From that a walk over the lives of all values and gradients, in the
order in which PyTorch makes and drops them, finds the moment at which most is there. An optimizer
adds nothing (SGD), the parameters once more (momentum) or twice (Adam). `torch.optim.Adam` makes
two more arrays as large as the parameter that it updates, unless `fused=True`: with few pictures,
that is where most is there. A prediction holds weights, pictures and the values that are still to
be read; side exits, losses and dropout are left out.

With `--dtype float64` or `bfloat16` all numbers are of that type, weights and gradients included;
masks and places of winners keep their size. What autocast does, with weights in float32 and copies
of them, is not said.

What is said is for **layers run one by one**, as PyTorch runs a network written by hand. It leaves
out the workspace of convolutions: oneDNN copies maps into blocks of 8 or 16 channels; where it is
off, PyTorch lays the windows of some convolutions out as columns. At the peak of a large network
that is little; one with few, narrow layers takes up to {worst} more, all of it oneDNN's: the last
but one column. Striate's fast plan, by which `striate train` computes, needs less for a small
network, and mostly a little more workspace for a large one: the last column.

Measured: bytes held from the allocator (`[memory]` events of the profiler), weights and pictures
included, forward and backward with the loss that the network is trained with;
{device}. Each percentage is what is said against
what was measured. `python benchmarks/training_memory.py` measures again.

{table}

Layers one by one: {near} of {all} are within 3 %. LeNet-5's layers are composed of several of
PyTorch's, whose backward passes hold numbers in between that are not counted.

The same with the update of the weights by PyTorch's own optimizers, and for a prediction:

{whole}

With an optimizer {close} of {pairs} are within 3 %. In a prediction there is little beside the
weights, and what oneDNN and layers composed of several calls hold in between is a larger share of
it.
"""


def measured(name: str, way: str) -> int:
    """The bytes of one network in one of `WAYS` or `WHOLE`, in a process of its own."""
    command = [sys.executable, __file__, "--one", name, way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def one(name: str, way: str) -> int:
    """The same, in this process."""
    import torch

    from striate.bench.allocator import prediction_peak, training_peak

    graph, batch = graph_of(name), CASES[name]
    if way == "infer":
        return prediction_peak(graph, batch)
    if way in WHOLE:
        return training_peak(graph, batch, optimizer=way)
    if way == "without oneDNN":
        torch.backends.mkldnn.set_flags(False)
    return training_peak(graph, batch, fast=way == "fast")


def said(name: str, way: str) -> int:
    """What is said of one of `WHOLE`."""
    if way == "infer":
        return memory(name, batch=CASES[name]).infer_bytes
    return memory(name, batch=CASES[name], optimizer=way).train_bytes


def page(found: dict[str, Any]) -> str:
    """The text of docs/memory.md."""
    rows = ["| network | pictures | said | layers | without oneDNN | fast plan |"]
    rows.append("|---|--:|--:|--:|--:|--:|")
    for each in found["networks"]:
        real = [f"{each['measured'][way] / 1e6:,.1f} MB ({_off(each, way):+.1f} %)" for way in WAYS]
        rows.append(
            f"| `{each['network']}` | {each['batch']} | {each['said'] / 1e6:,.1f} MB "
            f"| {' | '.join(real)} |"
        )
    off = [_off(each, "layers") for each in found["networks"]]
    updated = [each for each in found["networks"] if "whole" in each]
    return PAGE.format(
        table="\n".join(rows),
        device=found["device"],
        near=sum(abs(each) <= 3 for each in off),
        all=len(off),
        whole=whole(updated),
        close=sum(abs(_off_whole(each, way)) <= 3 for each in updated for way in WHOLE[1:]),
        pairs=2 * len(updated),
        worst=f"{max(100 / (1 + each / 100) - 100 for each in off):.0f} %",
    )


def whole(networks: list[dict[str, Any]]) -> str:
    """The table of predictions, and of steps with an optimizer."""
    rows = ["| network | pictures | infer | momentum | Adam |", "|---|--:|--:|--:|--:|"]
    for each in networks:
        cells = (
            f"{found['said'] / 1e6:,.1f} of {found['measured'] / 1e6:,.1f} MB ({off:+.1f} %)"
            for found, off in ((each["whole"][way], _off_whole(each, way)) for way in WHOLE)
        )
        rows.append(f"| `{each['network']}` | {each['batch']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _off_whole(each: dict[str, Any], way: str) -> float:
    found = each["whole"][way]
    return round(100 * (found["said"] / found["measured"] - 1), 1) + 0.0


def _off(each: dict[str, Any], way: str) -> float:
    """What is said against what was measured, in percent."""
    return round(100 * (each["said"] / each["measured"][way] - 1), 1) + 0.0


def measure(names: list[str], only_whole: bool) -> None:
    """Measure some networks anew; the file is complete after each of them.

    Args:
        only_whole: keep what was measured of `WAYS` where it is there.
    """
    import torch

    threads = "one thread" if os.environ.get("OMP_NUM_THREADS") == "1" else "all threads"
    capability = torch.backends.cpu.get_cpu_capability()
    device = f"PyTorch {torch.__version__}, {platform.machine()} with {capability}, {threads}"
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found = {each["network"]: each for each in before.get("networks", [])}
    for name in names:
        peak = training_memory(graph_of(name), CASES[name]).peak
        known = found.get(name, {})
        peaks = known.get("measured") if only_whole else None
        peaks = peaks or {way: measured(name, way) for way in WAYS}
        updated = {way: {"said": said(name, way), "measured": measured(name, way)} for way in WHOLE}
        found[name] = {
            "network": name,
            "batch": CASES[name],
            "said": peak,
            "measured": peaks,
            "whole": updated,
        }
        print(json.dumps(found[name]), flush=True)
        networks = [found[each] for each in CASES if each in found]
        told = {"device": device, "networks": networks}
        RESULTS.write_text(json.dumps(told, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="those to measure; all without a name")
    parser.add_argument("--whole", action="store_true", help="predictions and optimizers alone")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--one", nargs=2, metavar=("NETWORK", "WAY"))
    given = parser.parse_args()
    if given.one:
        print(one(*given.one))
    elif given.page:
        print(page(json.loads(RESULTS.read_text())), end="")
    else:
        measure(given.networks or list(CASES), given.whole)


if __name__ == "__main__":
    main()
