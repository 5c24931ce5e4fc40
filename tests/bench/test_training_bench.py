"""The contenders compute the same, and what is measured is what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from striate.bench import inference as bench_inference
from striate.bench import training as bench
from striate.notation import parse

CHAIN = parse("INPUT 2x9x11 -> CONV 5 3x3 -> BN -> RELU -> MAXPOOL 2 -> FC 6")
TREE = parse("INPUT 2x9x11 -> { CONV 3 3x3 same -> RELU | CONV 2 1x1 } CONCAT -> BN -> FC 6")
SOFTMAX = parse("INPUT 2x9x11 -> FC 6 -> SOFTMAX")


def batches(count: int, size: int = 7) -> Iterator[bench.Batch]:
    generator = torch.Generator().manual_seed(3)
    for _ in range(count):
        x = torch.rand(size, 2, 9, 11, generator=generator)
        yield x, torch.randint(6, (size,), generator=generator)


@pytest.fixture(autouse=True)
def _no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "off")


@pytest.mark.parametrize("kind", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("graph", [CHAIN, TREE, SOFTMAX], ids=["chain", "tree", "softmax"])
def test_all_trainers_start_alike_and_learn_alike(graph: bench.Graph, kind: str) -> None:
    torch.manual_seed(5)
    runs = bench.trainers(graph, kind, 0.01)
    for x, target in batches(4):
        losses = {name: run(x, target) for name, run in runs.items()}
        assert losses["striate"] == pytest.approx(losses["eager"], rel=1e-4)
        assert losses["channels_last"] == pytest.approx(losses["eager"], rel=1e-4)


def test_a_chain_is_plain_pytorch_without_a_class_of_ours() -> None:
    weights = bench.weights_of(bench.lower(CHAIN))
    assert type(bench.plain(CHAIN, weights)) is nn.Sequential
    assert type(bench.plain(TREE, bench.weights_of(bench.lower(TREE)))) is not nn.Sequential


def test_ratios_are_medians_within_a_turn_and_the_first_turns_do_not_count() -> None:
    now = [0.0]
    slow = iter([9.0, 9.0, 9.0, 4.0, 6.0, 1.0])

    def run(seconds: Iterator[float]) -> bench.Run:
        def wait(x: torch.Tensor, target: torch.Tensor) -> float:
            now[0] += next(seconds)
            return now[0]

        return wait

    one = iter([7.0, 7.0, 7.0, 2.0, 2.0, 1.0])
    found = bench.measured(
        {"striate": run(one), "other": run(slow)}, batches(6), clock=lambda: now[0]
    )
    assert found["milliseconds"] == {"striate": 2000.0, "other": 4000.0}
    assert found["ratio"] == {"striate": 1.0, "other": 2.0}
    assert found["last"]["other"] == now[0]


def test_of_several_calls_in_a_turn_the_last_is_timed() -> None:
    calls: list[int] = []
    now = [0.0]

    def run(x: torch.Tensor, target: torch.Tensor) -> None:
        calls.append(1)
        now[0] += 1.0 if len(calls) % 3 == 0 else 50.0

    found = bench.measured({"striate": run}, batches(5), calls=3, clock=lambda: now[0])
    assert len(calls) == 15
    assert found["milliseconds"] == {"striate": 1000.0}


def test_work_is_counted_three_times_for_training() -> None:
    once = bench.multiply_adds(CHAIN, 4, training=False)
    assert once >= 4 * (5 * 7 * 9 * 2 * 9 + 6 * 5 * 3 * 4)
    assert bench.multiply_adds(CHAIN, 4, training=True) == 3 * once


@pytest.mark.parametrize("graph", [CHAIN, TREE, SOFTMAX], ids=["chain", "tree", "softmax"])
def test_all_answer_alike(graph: bench.Graph) -> None:
    torch.manual_seed(5)
    runs, missing = bench_inference.answerers(graph, (7, 2, 9, 11))
    assert not missing.keys() & {"striate", "eager", "torchscript"}
    ((x, target),) = batches(1)
    last = {name: run(x, target) for name, run in runs.items()}
    assert last["striate"].shape == (7, 6)
    assert max(bench_inference.disagreement(last).values()) < 1e-5
    last["wrong"] = last["eager"].flip(0)
    assert bench_inference.disagreement(last)["wrong"] > 1e-3


def test_without_a_compiler_the_peak_is_not_known() -> None:
    assert bench.fma_peak(1) is None


@pytest.mark.compiler
def test_every_multiply_add_of_the_peak_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sum that comes out is that of the recurrence, of as many chains as are counted."""
    monkeypatch.setenv("STRIATE_FUSED", "on")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (bench.fma_peak(1, seconds=0.01) or 0) > 0
    kernel, rounds, factor = bench.build.library("peak"), 1000, 1 - 1 / 1002
    lanes_times_chains = kernel.peak_multiply_adds(rounds) / rounds
    one = kernel.peak_run(rounds, 1)
    fits = []
    for chains in (12, 16):
        starts = sum(c + rounds % 3 for c in range(chains))
        limit = chains * factor / (1 - factor)
        right = starts * factor**rounds + limit * (1 - factor**rounds)
        fits.append(one == pytest.approx(right, rel=1e-4) and lanes_times_chains % chains == 0)
    assert any(fits)
    assert kernel.peak_run(rounds, 3) == pytest.approx(3 * one)
