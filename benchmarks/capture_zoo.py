"""Are the models of torchvision and timm captured, natively, and exactly?

    python benchmarks/capture_zoo.py [MODEL ...] [--again] [--out FILE] [--limit MILLIONS]

Without names: the 262 models of capture_models.txt, which has a line for each: its name, what kind
it is of (convolutional, or a transformer or hybrid), the size of picture it is asked with, and its
parameters in millions. Each model is drawn in float64, its normalizations given statistics that are
not 0 and 1 (and heads of zeros other numbers), captured, lowered, and compared with itself on
another drawn picture. Nothing is downloaded; a model whose library is missing is skipped.

A row is written as soon as it is found, and models that have one are skipped (--again: they are
not), so that a run can be stopped and go on.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import importlib
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import striate
from striate.ops import Opaque

LIST = Path(__file__).parent / "capture_models.txt"
RESULT = Path(__file__).parent / "results" / "capture-zoo.md"
HEADINGS = ("model", "kind", "size", "nodes", "native nodes", "native work", "parameters",
            "module's", "multiply-adds", "FlopCounter / 2", "difference", "CPU seconds", "opaque",
            )  # fmt: skip
BOUND = 1e-9


@dataclass(frozen=True)
class Entry:
    """A line of the list."""

    name: str
    kind: str
    size: int
    millions: float

    @property
    def library(self) -> str:
        return self.name.partition("/")[0]

    @property
    def model(self) -> str:
        return self.name.partition("/")[2]


def entries() -> dict[str, Entry]:
    """The list, smallest models first."""
    lines = (line.split() for line in LIST.read_text().splitlines() if line[:1] not in ("#", ""))
    found = [Entry(name, kind, int(size), float(much)) for name, kind, size, much in lines]
    return {each.name: each for each in sorted(found, key=lambda e: e.millions)}


def drawn(entry: Entry) -> nn.Module | None:
    """A model with numbers that no layer begins with; None where its library is missing."""
    try:
        found = importlib.import_module("timm" if entry.library == "timm" else "torchvision.models")
    except ImportError:
        return None
    torch.manual_seed(0)
    if entry.library == "timm":
        made: nn.Module = found.create_model(entry.model, pretrained=False)
    else:
        made = found.get_model(entry.model, weights=None)
    for each in made.modules():
        if isinstance(each, nn.BatchNorm1d | nn.BatchNorm2d) and each.running_mean is not None:
            each.running_mean.normal_(0, 0.1)
            each.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    for parameter in made.parameters():
        if not parameter.any():  # a head of zeros answers zero, whatever is in front of it
            parameter.data.normal_(0, 0.02)
    return made.eval().double()


def row(entry: Entry, module: nn.Module) -> tuple[str, ...]:
    """What the capture of a module is like."""
    size = (3, entry.size, entry.size)
    begun = time.process_time()
    captured = striate.capture(module, size)
    seconds = time.process_time() - begun
    x = torch.randn(1, *size, dtype=next(module.parameters()).dtype)
    module.requires_grad_(False)
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        wanted = first(module(x))
    with torch.no_grad():
        found = captured.module()(x)
    difference = float((wanted - found).abs().max() / wanted.abs().max())
    native = captured.native
    opaque = [n.operator.name for n in captured.graph if isinstance(n.operator, Opaque)]
    own = sum(p.numel() for p in module.parameters())
    unused = dict(module.named_parameters())
    idle = sum(unused[name].numel() for name in captured.notes.unused)
    return (
        f"{100 * native['nodes']:.4g} %",
        f"{100 * native['multiply_adds']:.4g} %",
        f"{captured.graph.parameters:,}",
        f"{own:,}" + (f" ({idle:,} unread)" if idle else ""),
        f"{captured.graph.multiply_adds:,}",
        f"{counter.get_total_flops() // 2:,}",
        f"{difference:.1e}",
        f"{seconds:.1f}",
        ", ".join(f"{name} x{opaque.count(name)}" for name in dict.fromkeys(opaque)),
        str(len(captured.graph)),
    )


def first(answer: Any) -> torch.Tensor:
    """The first tensor of an answer."""
    leaves = torch.utils._pytree.tree_leaves(answer)
    return next(each for each in leaves if isinstance(each, torch.Tensor))


def cells(entry: Entry) -> tuple[str, ...] | None:
    """The row of a model; None where its library is missing."""
    module = drawn(entry)
    if module is None:
        return None
    front = (entry.name, entry.kind, str(entry.size))
    try:
        try:
            *found, nodes = row(entry, module)
        except striate.StriateError:  # some say float32 in their code, whatever they are made of
            *found, nodes = row(entry, module.float())
            found[6] += " (float32)"
    except Exception as error:  # whatever a model raises is its row
        return (*front, f"{type(error).__name__}: " + " ".join(str(error).split()))
    return (*front, nodes, *found)


def written(path: Path) -> dict[str, list[str]]:
    """The rows of an earlier run, by model."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [[each.strip() for each in line.strip("|").split("|")] for line in lines if "/" in line]
    return {each[0]: each for each in rows if len(each) >= 4 and each[0].count("/") == 1}


def number(cell: str) -> int:
    """The number that a cell begins with."""
    return int(cell.partition(" ")[0].replace(",", ""))


def summary(rows: list[list[str]]) -> Iterator[str]:
    """What the rows come to, by kind."""
    for kind in dict.fromkeys(each[1] for each in rows):
        own = [each for each in rows if each[1] == kind]
        done = [each for each in own if len(each) == len(HEADINGS)]
        native = [each for each in done if each[4] == "100 %"]
        exact = [each for each in done if not each[10].endswith(")") and float(each[10]) <= BOUND]
        counted = [each for each in done if number(each[6]) == number(each[7])]
        work = [each for each in done if each[8] == each[9]]
        yield (
            f"{kind}: {len(own)} models, {len(done)} captured, {len(native)} wholly native, "
            f"{len(exact)} equal within {BOUND:g}, {len(counted)} with all of the module's "
            f"parameters, {len(work)} with FlopCounterMode's multiply-adds"
        )


def save(path: Path, rows: list[list[str]]) -> None:
    """Write the page of results."""
    threads = torch.get_num_threads()
    lines = [
        "# Captured models",
        "",
        f"torch {torch.__version__}, {threads} thread(s), float64, by `capture_zoo.py`.",
        "",
        *(f"* {line}" for line in summary(rows)),
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + " --- |" * len(HEADINGS),
        *("| " + " | ".join(each) + " |" for each in rows),
    ]
    path.write_text("\n".join(lines) + "\n")


def free() -> None:
    """Give memory back to the system between models."""
    gc.collect()
    with contextlib.suppress(OSError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*")
    parser.add_argument("--again", action="store_true", help="also what has a row")
    parser.add_argument("--limit", type=float, default=float("inf"), help="millions of parameters")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    listed = entries()
    found = written(given.out)
    for entry in [listed[name] for name in given.models] or list(listed.values()):
        if (entry.name in found and not given.again) or entry.millions > given.limit:
            continue
        made = cells(entry)
        free()
        if made is None:
            continue
        found[entry.name] = list(made)
        save(given.out, [found[name] for name in listed if name in found])
        print(" | ".join(made), flush=True)
    print("\n".join(summary(list(found.values()))))


if __name__ == "__main__":
    main()
