"""Choices: measured once, remembered in a file that may be damaged, followed by the layer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from striate.fused import build, choose
from striate.fused.conv_pool import ConvPool
from striate.fused.layer import plain


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("STRIATE_FUSED", "on")
    choose._known.clear()
    yield
    choose._known.clear()


def ask(batch: int = 5) -> choose.Question:
    weight = torch.zeros(3, 2, 3, 3, requires_grad=True)
    return choose.question(torch.zeros(batch, 2, 8, 7), weight, (1, 0), "relu", "max")


def plainly(x: Tensor, w: Tensor) -> Tensor:
    return plain(x, w, None, (1, 0), "relu", "max")


def test_measures_once_and_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def fused(x: Tensor, w: Tensor) -> Tensor:
        calls.append(tuple(x.shape))
        return plainly(x, w)

    first = choose.fused_wins(ask(), fused, plainly)
    assert set(calls) == {(8, 2, 8, 7)}
    (choice,) = choose.choices()
    assert choice.fused_wins == first
    assert "conv 8x2x8x7 by 3x2x3x3, pad 1x0" in choice.layer
    assert "to the weights" in choice.layer
    calls.clear()
    choose._known.clear()
    assert choose.fused_wins(ask(batch=7), fused, plainly) == first
    assert not calls
    monkeypatch.setattr(choose, "_here", lambda: "another machine")
    choose.fused_wins(ask(batch=6), fused, plainly)
    choose._known.clear()
    choose.fused_wins(ask(batch=6), fused, plainly)
    assert calls
    assert len(choose.choices()) == 1
    assert len(json.loads(choose._file().read_text())) == 2


GOOD = '{"layer": "b", "fused_ms": 1.0, "plain_ms": 2.0, "margin": 1.02}'


@pytest.mark.parametrize(
    "damage",
    [
        *("", "[]", "{", '{"a": 1}', '{"a": {"layer": "b"}}', "[" * 100_000),
        *(f'{{"{key}": {GOOD}}}' for key in ("a", "[]", "3", "[" * 5000)),
        *(
            f'{{"[1]": {GOOD.replace("1.0,", f"{wrong},")}}}'
            for wrong in ('"fast"', "[]", "null", "-1", "NaN", "9" * 400, "true")
        ),
    ],
)
def test_a_damaged_file_is_measured_again(damage: str) -> None:
    choose._file().write_text(damage)
    choose.fused_wins(ask(), plainly, plainly)
    assert len(choose.choices()) == 1


def test_the_first_answer_in_the_file_stands() -> None:
    """Two processes measure at once: both, and every later one, go by what was written first."""
    slow, fast = choose.Choice("a", 2.0, 1.0), choose.Choice("a", 1.0, 2.0)
    assert choose._add('["key"]', slow) == slow
    assert choose._add('["key"]', fast) == slow
    assert choose._read() == {'["key"]': slow}


def test_nothing_to_write_to_means_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A choice that a resumed run cannot read again would change its numbers."""

    def measured(*given: object) -> choose.Choice:
        raise AssertionError("measured in vain")

    monkeypatch.setattr(choose, "_measure", measured)
    monkeypatch.setattr(choose, "_file", lambda: tmp_path / "missing" / "choices.json")
    assert not choose.fused_wins(ask(), plainly, plainly)


def test_the_decision_compares_the_times() -> None:
    assert choose.Choice("a", 1.0, 1.5).fused_wins
    assert not choose.Choice("a", 1.0, 1.01).fused_wins
    assert not choose.Choice("a", 1.0, 0.5).fused_wins


def test_a_busy_machine_is_measured_until_it_is_calm(
    monkeypatch: pytest.MonkeyPatch, threads: Callable[[int], None]
) -> None:
    """Others take the processor from every call but one in ten: the kernel still wins."""
    calls = 0

    def timed(call: choose.Call, clock: choose.Clock) -> float:
        nonlocal calls
        round_, plain_turn = divmod(calls, 2)
        calls += 1
        quiet = round_ >= 40 or round_ % 10 == 8
        return (2e-3 if plain_turn else 1e-3) * (1 if quiet else round_ % 7 + 5)

    threads(1)
    monkeypatch.setattr(choose, "_seconds", timed)
    assert choose._measure(ask(), lambda x, w: plainly(x, w), plainly).fused_wins
    assert 80 < calls < 100


@pytest.mark.parametrize("busy", [False, True])
def test_threads_slower_than_one_have_measured_others(
    busy: bool, monkeypatch: pytest.MonkeyPatch, threads: Callable[[int], None]
) -> None:
    """The kernel wins alone; together it seems to lose, which only counts on a calm machine."""
    times = {(time.thread_time, 1): [3e-3, 9e-3], (time.perf_counter, 2): [2e-3, 1e-3]}
    if busy:
        times[time.perf_counter, 2] = [30e-3, 7e-3]
    turn = 0

    def timed(call: choose.Call, clock: choose.Clock) -> float:
        nonlocal turn
        turn += 1
        return times[clock, torch.get_num_threads()][(turn - 1) % 2]

    threads(2)
    monkeypatch.setattr(choose, "_seconds", timed)
    found = choose._measure(ask(), plainly, plainly)
    assert torch.get_num_threads() == 2
    assert (found.fused_ms, found.plain_ms) == ((3.0, 9.0) if busy else (2.0, 1.0))


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_forward_alone_is_another_question() -> None:
    training = ask()
    with torch.no_grad():
        assert ask() != training
        assert not ask().backward


@pytest.mark.compiler
@pytest.mark.parametrize("wins", [True, False])
def test_the_layer_follows(wins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ConvPool(nn.Conv2d(2, 3, 3), "relu", "max", measured=True)
    x = torch.randn(4, 2, 8, 8)
    asked = choose.question(x, module.conv.weight, (0, 0), "relu", "max")
    choose._known[asked] = wins
    y = module(x)
    assert ("Direct" in type(y.grad_fn).__name__) == wins
    torch.testing.assert_close(y, plain(x, *module.conv.parameters(), (0, 0), "relu", "max"))
    assert build.mode() == "on"
    compiled = torch.compile(module, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), y)


@pytest.mark.compiler
def test_required_means_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "require")
    choose._known[ask()] = False
    assert choose.fused_wins(ask(), plainly, plainly)
    assert not choose._file().exists()
