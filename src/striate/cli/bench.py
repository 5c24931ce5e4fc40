"""`striate bench`: training steps and inference beside plain PyTorch's, on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from striate.capacity import check
from striate.cli import terminal
from striate.cli.options import AsJson
from striate.display import Column, Grid
from striate.errors import SettingError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar

    from striate.bench.nets import Net, Pictures
    from striate.bench.training import Batch
    from striate.fused.choose import Clock
    from striate.graph import Graph


MOST = 1 << 20
"""Pictures at a time, and steps, that are no slip of the pen."""

MOST_PIXELS = 4096
"""Along an edge of a picture."""

MOST_THREADS = max(64, 4 * (os.cpu_count() or 1))
"""Beyond what a machine can start, PyTorch's threads end the process."""


class BenchRequest(NamedTuple):
    """What is measured, and how."""

    inference: bool
    batches: tuple[int, ...]
    steps: int
    compiled: bool
    clock: Clock


def run(
    nets: Annotated[
        list[str] | None,
        typer.Argument(
            help="A, B, C, resnet18 or vgg16_bn (both for 32x32 pictures), or any network: text, "
            "name, file. [default: A B C]"
        ),
    ] = None,
    size: Annotated[
        int,
        typer.Option(
            help="Height and width of the pictures, and the catalog's form of a name. "
            "[0: the network's own]",
            min=0,
            max=MOST_PIXELS,
        ),
    ] = 0,
    inference: Annotated[
        bool, typer.Option("--inference", help="Answers instead of training steps.")
    ] = False,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            help="Pictures at a time, may be repeated. [inference: 1 and 32]", min=1, max=MOST
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Measured steps each. [0: 21, inference 101]", min=0, max=MOST)
    ] = 0,
    threads: Annotated[
        int, typer.Option(help="0: as many as PyTorch takes.", min=0, max=MOST_THREADS)
    ] = 0,
    processor_time: Annotated[
        bool,
        typer.Option(
            "--processor-time", help="One thread's own seconds: for a machine others use too."
        ),
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile", help="torch.compile too; it takes a minute more.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where MNIST and CIFAR-10 lie; else STRIATE_DATA.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time training steps here, side by side with plain PyTorch.

    The pictures are real ones.

    Forward, loss, backward and update; every contender takes the same new batch in turn. A ratio
    is the median of (contender's time / Striate's time) over the steps. With --inference: the
    scores alone, beside PyTorch, frozen TorchScript, ONNX Runtime and OpenVINO.

    Example: striate bench A resnet18 --steps 41
    """
    import torch

    if processor_time and threads > 1:
        raise SettingError("processor time is that of one thread", remedy="Leave --threads out.")
    request = BenchRequest(
        inference,
        tuple(batch or ((1, 32) if inference else ())),
        steps or (101 if inference else 21),
        compiled,
        time.process_time if processor_time else time.perf_counter,
    )
    before = torch.get_num_threads()
    torch.set_num_threads(1 if processor_time else threads or before)
    try:
        answer = _measure(list(dict.fromkeys(nets or "ABC")), size, request, data_dir)
    finally:
        torch.set_num_threads(before)
    if as_json:
        terminal.print_json(answer)
    else:
        _print(answer)


def _measure(
    words: list[str], pixels: int, request: BenchRequest, data_dir: Path | None
) -> dict[str, Any]:
    import torch

    from striate.bench import nets as bench_nets
    from striate.bench import training as bench

    subjects = [bench_nets.subject(word, pixels) for word in words]
    answer = {
        "schema_version": 2,
        "task": "inference" if request.inference else "training",
        **bench.machine(),
        "clock": "processor" if request.clock is time.process_time else "wall",
        "steps": request.steps,
    }
    taken: dict[tuple[int, ...], Pictures] = {}
    results: list[dict[str, Any]] = []
    with _progress(request.steps + bench.WARM_UP) as told:
        told.print(_headline(answer, [name for name, _, _ in subjects]), style="dim")
        for name, net, graph in subjects:
            shape = graph.specs[graph.inputs[0].name].shape
            if shape not in taken:
                told.say(f"{name}: reading pictures")
                taken[shape] = bench_nets.pictures(shape, data_dir)
            for size in request.batches or (net.batch,):
                torch.manual_seed(0)
                check(graph, size, training=not request.inference)
                count = request.steps + bench.WARM_UP
                classes = graph.specs[graph.scores.name].size
                some = bench_nets.batches(taken[shape], classes, size, count)
                followed = told.follow(f"{name}, batch {size}", some)
                found = _one(graph, net, size, request, followed)
                said = {"net": name, "form": bench_nets.form(name, graph)}
                results.append({**said, "data": taken[shape][2], **found})
    peak = max((each.pop("fma_seen") or 0.0 for each in results), default=0.0)
    answer["fma_gflops"] = round(2e-9 * peak, 1) if peak else None
    for each in results:
        rate = each.pop("multiply_adds") / each["milliseconds"]["striate"] * 1e3
        each["share_of_fma_peak"] = round(rate / peak, 3) if peak else None
    return {**answer, "results": results}


def _one(
    graph: Graph, net: Net, size: int, request: BenchRequest, batches: Iterable[Batch]
) -> dict[str, Any]:
    import torch

    from striate.bench import inference as bench_inference
    from striate.bench import training as bench

    found: dict[str, Any] = {"network": net.text, "batch": size}
    if request.inference:
        shape = (size, *graph.specs[graph.inputs[0].name].shape)
        runs, found["missing"] = bench_inference.answerers(graph, shape)
        figures = bench.measured(runs, batches, calls=bench_inference.CALLS, clock=request.clock)
        found["differs_from_eager"] = bench_inference.disagreement(figures.pop("last"))
    else:
        runs = bench.trainers(graph, net.optimizer, net.learning_rate, compiled=request.compiled)
        figures = bench.measured(runs, batches, clock=request.clock)
        found["optimizer"] = net.optimizer
        found["last_loss"] = {k: round(v, 5) for k, v in figures.pop("last").items()}
    return {
        **found,
        **figures,
        "multiply_adds": bench.multiply_adds(graph, size, training=not request.inference),
        "fma_seen": bench.fma_peak(torch.get_num_threads(), clock=request.clock),
    }


class _Told:
    """Says on standard error what is being measured; draws where that is a terminal."""

    def __init__(self, bar: Bar, console: Console, total: int) -> None:
        self._bar, self._total = bar, total
        self.print = console.print
        self._task = bar.add_task("", total=total)

    def say(self, what: str) -> None:
        self._bar.update(self._task, description=terminal.visible(what), completed=0)

    def follow(self, name: str, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches, as they are asked for; the first steps may build kernels and choose."""
        for k, each in enumerate(batches):
            doing = "measuring" if k else "building and choosing kernels"
            said = terminal.visible(f"{name}: {doing}")
            self._bar.update(self._task, description=said, completed=k)
            yield each


@contextmanager
def _progress(total: int) -> Iterator[_Told]:
    from rich import progress

    console = terminal.console(error=True)
    bar = progress.Progress(
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(bar_width=24),
        progress.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        yield _Told(bar, console, total)


def _headline(answer: dict[str, Any], names: list[str]) -> str:
    what = "Answers" if answer["task"] == "inference" else "Training steps"
    threads = "1 thread" if answer["threads"] == 1 else f"{answer['threads']} threads"
    clock = ", processor time" if answer["clock"] == "processor" else ""
    load = answer["load_average"]
    busy = load is not None and answer["clock"] == "wall" and load > answer["cores"] / 2
    return (
        f"{what} of {', '.join(names)}: {answer['steps']} each, the contenders in turn on the same "
        f"new batches.\n{answer['processor']} ({answer['instructions']}), {threads}{clock}, "
        f"PyTorch {answer['torch']}, fused {answer['fused']}."
        + (f"\nThe machine is busy (load {load}): repeat when it is not." if busy else "")
    )


def _print(answer: dict[str, Any]) -> None:
    out, results = terminal.console(), answer["results"]
    names = list(dict.fromkeys(name for each in results for name in each["ratio"]))
    rows = tuple(
        (
            _title(each),
            *(_cell(each, name) for name in names),
            "" if each["share_of_fma_peak"] is None else f"{each['share_of_fma_peak']:.0%}",
        )
        for each in results
    )
    columns = (
        Column("net", text=True, wide=32),
        *(Column(name, rank=k) for k, name in enumerate(names)),
        Column("of FMA peak", rank=len(names)),
    )
    terminal.show([Grid(columns, rows)])
    for name in (each for each in ("eager", "onnxruntime") if each in names):
        said = [f"{_title(e)}: {e['ratio'][name]:.2f}" for e in results if name in e["ratio"]]
        out.print(f"Times as fast as {name}: {'; '.join(said)}.", style="bold")
    for line in _notes(answer):
        out.print(line)


def _title(result: dict[str, Any]) -> str:
    return f"{result['net']}, batch {result['batch']}"


def _cell(result: dict[str, Any], name: str) -> str:
    if name not in result["ratio"]:
        return "-"
    told = f"{result['milliseconds'][name]:.3g} ms"
    return told if name == "striate" else f"{told}  {result['ratio'][name]:.2f}x"


def _notes(answer: dict[str, Any]) -> Iterator[str]:
    forms = dict.fromkeys(f"{each['net']}: {each['form']}" for each in answer["results"])
    yield from (f"{each}." for each in forms)
    sources = dict.fromkeys(each["data"] for each in answer["results"])
    yield f"Medians of {answer['steps']}, on {'; '.join(sources)}; x: times what Striate took."
    if answer["fma_gflops"]:
        yield (
            f"FMA peak: {answer['fma_gflops']:.0f} GFLOP/s measured here. Work counts as direct "
            "convolutions do it; Winograd and sparse gradients save some, so it can exceed 100%."
        )
    else:
        yield "The FMA peak is not known: measuring it needs a C++ compiler."
    missing = {k: why for each in answer["results"] for k, why in each.get("missing", {}).items()}
    for name, why in missing.items():
        yield f"{name} did not take part: {why}."
