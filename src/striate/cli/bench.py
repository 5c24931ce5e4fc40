"""`striate bench`: training steps beside plain PyTorch's, on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from striate.cli import terminal
from striate.errors import SettingError


class Net(NamedTuple):
    """A network and how it is trained."""

    text: str
    batch: int
    optimizer: str
    learning_rate: float


NETS = {
    "A": Net(
        "INPUT 1x28x28 -> [CONV 32 5x5 same -> RELU -> MAXPOOL 2] -> "
        "[CONV 64 5x5 same -> RELU -> MAXPOOL 2] -> FC 1024 -> RELU -> FC 10",
        128,
        "adam",
        1e-3,
    ),
    "B": Net(
        "INPUT 1x28x28 -> CONV 6 5x5 pad=2 -> SIGMOID -> AVGPOOL 2 -> CONV 16 5x5 -> SIGMOID -> "
        "AVGPOOL 2 -> FC 120 -> SIGMOID -> FC 84 -> SIGMOID -> FC 10",
        256,
        "sgd",
        0.5,
    ),
    "C": Net(
        "INPUT 1x28x28 -> CONV 20 5x5 -> MAXPOOL 2 -> TANH -> CONV 50 5x5 -> MAXPOOL 2 -> TANH -> "
        "FC 500 -> TANH -> FC 10",
        500,
        "sgd",
        0.1,
    ),
}


def run(
    nets: Annotated[str, typer.Option(help="Which of the networks A, B and C.")] = "ABC",
    steps: Annotated[int, typer.Option(help="Measured steps each.", min=1)] = 21,
    threads: Annotated[int, typer.Option(help="0: as many as PyTorch takes.", min=0)] = 0,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where MNIST lies; else STRIATE_DATA.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="torch.compile too; it takes a minute more.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Time training steps here, side by side with plain PyTorch, on real digits.

    Forward, loss, backward and update; every contender takes the same new batch in turn. A ratio
    is the median of (contender's time / Striate's time) over the steps.

    Example: striate bench --nets AB --steps 41
    """
    import torch

    if not nets or set(nets) - set(NETS):
        raise SettingError(f"there are no networks {nets!r}", remedy="Name some of A, B and C.")
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        answer = _measure(nets, steps, data_dir, compiled)
    finally:
        torch.set_num_threads(before)
    if as_json:
        terminal.print_json(answer)
    else:
        _print(answer)


def _measure(nets: str, steps: int, data_dir: Path | None, compiled: bool) -> dict[str, Any]:
    import torch

    from striate.notation import parse
    from striate.pytorch import bench

    pictures, labels, source = _digits(data_dir)
    peak = bench.matmul_peak()
    answer: dict[str, Any] = {"schema_version": 1, **bench.machine(), "data": source}
    answer |= {"steps": steps, "matmul_gflops": round(2e-9 * peak, 1), "nets": {}}
    for name in dict.fromkeys(nets):
        net, graph = NETS[name], parse(NETS[name].text)
        torch.manual_seed(0)
        contenders = bench.contenders(graph, net.optimizer, net.learning_rate, compiled=compiled)
        batches = _batches(pictures, labels, net.batch, steps + bench.WARM_UP)
        found = bench.measured(contenders, batches)
        seconds = found["milliseconds"]["striate"] / 1e3
        share = bench.multiply_adds(graph, net.batch) / seconds / peak
        answer["nets"][name] = {
            "network": net.text,
            "batch": net.batch,
            "optimizer": net.optimizer,
            **found,
            "share_of_peak": round(share, 3),
        }
    return answer


def _digits(data_dir: Path | None) -> tuple[Any, Any, str]:
    """Pictures (N, 1, 28, 28) as bytes, labels, and where they come from."""
    import numpy as np

    from striate.data import Split, load
    from striate.data.mnist import data_roots

    if any((root / "mnist").is_dir() for root in data_roots(data_dir)):
        split = load("mnist", data_dir=data_dir).train
        if isinstance(split, Split):
            return split.images, split.labels, "MNIST"
    split = load("digits").train
    if not isinstance(split, Split):
        raise SettingError("the bundled digits are no arrays", remedy="Name --data-dir.")
    larger = np.kron(split.images, np.ones((1, 1, 3, 3), split.images.dtype))
    pictures = np.pad(larger, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return pictures, split.labels, "the bundled 8x8 digits, enlarged to 28x28"


def _batches(pictures: Any, labels: Any, size: int, count: int) -> Iterator[tuple[Any, Any]]:
    import numpy as np
    import torch

    rng = np.random.default_rng(0)
    for _ in range(count):
        chosen = rng.choice(len(labels), size, replace=False)
        x = torch.from_numpy(pictures[chosen].astype(np.float32) / 255)
        yield x, torch.from_numpy(np.asarray(labels[chosen], dtype=np.int64))


def _print(answer: dict[str, Any]) -> None:
    out = terminal.console()
    names = list(next(iter(answer["nets"].values()))["ratio"])
    others = names[1:]
    rows = [
        (
            f"{name}, batch {net['batch']}",
            *(f"{net['milliseconds'][each]:.1f} ms" for each in names),
            *(f"{net['ratio'][each]:.2f}x" for each in others),
            f"{net['share_of_peak']:.0%}",
        )
        for name, net in answer["nets"].items()
    ]
    headings = ("net", *names, *(f"{each} / striate" for each in others), "of peak")
    out.print(terminal.grid(headings, rows))
    out.print(
        f"Median of {answer['steps']} training steps on {answer['data']}; "
        f"{answer['processor']} ({answer['instructions']}), {answer['threads']} threads, "
        f"load {answer['load_average']}, PyTorch {answer['torch']}, fused {answer['fused']}.\n"
        f"Peak: this machine's matrix product, {answer['matmul_gflops']:.0f} GFLOP/s; the work "
        "is counted as direct convolutions, so Winograd and sparse gradients can exceed it."
    )
