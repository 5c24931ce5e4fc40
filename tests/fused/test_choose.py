"""Choices: measured once, remembered in a file that may be damaged, followed by the layer."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from striate.fused import build, choose
from striate.fused.conv_pool import conv_pool
from striate.fused.layer import Bounded, LayerShape, plain


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("STRIATE_FUSED", "on")
    choose._known.clear()
    yield
    choose._known.clear()


LAYER = LayerShape("max", (2, 8, 7), (3, 2, 3, 3), False, "relu", (1, 0))


def ask(batch: int = 5) -> choose.Question:
    weight = torch.zeros(3, 2, 3, 3, requires_grad=True)
    return choose.layer_question("convolution and pool", LAYER, torch.zeros(batch, 2, 8, 7), weight)


def plainly(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
    return plain(x, w, b, (1, 0), "relu", "max")


def nothing() -> None:
    pass


def test_measures_once_and_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def fused(x: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        calls.append(tuple(x.shape))
        return plainly(x, w, b)

    first = choose.layer_is_faster(ask(), fused, plainly)
    assert set(calls) == {(8, 2, 8, 7)}
    (choice,) = choose.choices()
    assert choice.is_faster == first
    assert choice.question == ask()
    assert str(ask()).startswith("8x2x8x7: conv and max-pool 3x2x3x3 pad 1x0 relu, to the weights")
    calls.clear()
    choose._known.clear()
    assert choose.layer_is_faster(ask(batch=7), fused, plainly) == first
    assert not calls
    monkeypatch.setattr(choose, "_here", lambda: "another machine")
    choose.layer_is_faster(ask(batch=6), fused, plainly)
    choose._known.clear()
    choose.layer_is_faster(ask(batch=6), fused, plainly)
    assert calls
    assert len(choose.choices()) == 1
    assert len(json.loads(choose._file().read_text())) == 2


OTHERS = {
    "kernel": "dense",
    "layers": (LAYER, LAYER),
    "batch": 16,
    "passes": "forward",
    "threads": 99,
    "layout": "contiguous",
    "tiles": False,
    "dtype": "float16",
    "isa": "AVX1024",
}


def test_a_question_with_any_other_field_is_another_key() -> None:
    assert OTHERS.keys() == {each.name for each in fields(choose.Question)}
    keys = {replace(ask(), **{name: value}).key for name, value in OTHERS.items()}
    layers = {
        "kind": "avg",
        "size": (2, 8, 8),
        "weight": (3, 2, 3, 2),
        "bias": True,
        "activation": "tanh",
        "padding": (1, 1),
        "stride": (2, 1),
        "adds": True,
    }
    assert layers.keys() == {each.name for each in fields(LayerShape)}
    for name, value in layers.items():
        other = replace(LAYER, **{name: value})
        keys.add(replace(ask(), layers=(other,)).key)
    assert len(keys) == len(OTHERS) + len(layers)
    assert ask().key not in keys


NOT_NUMBERS = (
    '"a"',
    "{}",
    '{"layer": "b"}',
    "[1, 2]",
    '[1, 2, "x"]',
    "[1, 2, true]",
    "[1e400, 1, 1]",
)
DAMAGE = ("", "[]", "{", "[" * 100_000, '{"a": 1', "null", "\x00\x01", '{"a": [1, 2, 3]}')


@pytest.mark.parametrize("damage", [*DAMAGE, *NOT_NUMBERS])
def test_a_damaged_file_is_measured_again(damage: str) -> None:
    if damage in NOT_NUMBERS:
        damage = json.dumps({ask().key: 0}).replace("0}", damage + "}")
    choose._file().write_text(damage)
    choose.layer_is_faster(ask(), plainly, plainly)
    assert [each.question for each in choose.choices()] == [ask()]


KEYS = (
    "[]",
    '[{"kernel": 1}, "HERE"]',
    '[{"layers": []}, "HERE"]',
    '[{"layers": [{"kind": {}}]}, "HERE"]',
    "[" * 100_000,
)


@pytest.mark.parametrize("key", KEYS)
def test_a_strange_key_is_no_choice(key: str) -> None:
    key = key.replace("HERE", choose._here())
    choose._file().write_text(json.dumps({key: [1, 2, 3]}))
    assert choose.choices() == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
@pytest.mark.parametrize("name", ["choices.json", "choices.lock"])
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_file_is_not_waited_for(name: str, make: Callable[[Path], None]) -> None:
    make(choose._file().with_name(name))
    choose.layer_is_faster(ask(), plainly, plainly)


def test_the_first_answer_in_the_file_stands() -> None:
    """Two processes measure at once: both, and every later one, go by what was written first."""
    slow, fast = (2.0, 1.0, choose.MARGIN), (1.0, 2.0, choose.MARGIN)
    assert choose.record("key", slow) == slow
    assert choose.record("key", fast) == slow
    assert choose._read() == {"key": slow}


def test_nothing_to_write_to_means_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A choice that a resumed run cannot read again would change its numbers."""

    def measured(*given: object) -> choose.Choice:
        raise AssertionError("measured in vain")

    monkeypatch.setattr(choose, "_raced", measured)
    monkeypatch.setattr(choose, "_file", lambda: tmp_path / "missing" / "choices.json")
    assert not choose.layer_is_faster(ask(), plainly, plainly)


def test_the_decision_compares_the_times() -> None:
    assert choose.Choice(ask(), 1.0, 1.5).is_faster
    assert not choose.Choice(ask(), 1.0, 1.01).is_faster
    assert not choose.Choice(ask(), 1.0, 0.5).is_faster


def test_memory_of_choices_is_bounded() -> None:
    kept = Bounded(3)
    for k in range(10):
        kept[k] = k
        kept[9] = 9
    assert list(kept.values()) in ([7, 8, 9], [8, 9], [9, 7, 8])
    assert len(kept) <= 3


def test_a_busy_machine_is_measured_until_it_is_calm(
    monkeypatch: pytest.MonkeyPatch, threads: Callable[[int], None]
) -> None:
    """Others take the processor from every call but one in ten: the kernel is still faster."""
    calls = 0

    def timed(call: choose.Timed, clock: choose.Clock) -> float:
        nonlocal calls
        round_, plain_turn = divmod(calls, 2)
        calls += 1
        quiet = round_ >= 40 or round_ % 10 == 8
        return (2e-3 if plain_turn else 1e-3) * (1 if quiet else round_ % 7 + 5)

    threads(1)
    monkeypatch.setattr(choose, "_seconds", timed)
    assert choose.is_faster(ask(), nothing, nothing)
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

    def timed(call: choose.Timed, clock: choose.Clock) -> float:
        nonlocal turn
        turn += 1
        return times[clock, torch.get_num_threads()][(turn - 1) % 2]

    threads(2)
    monkeypatch.setattr(choose, "_seconds", timed)
    found = choose._raced(nothing, nothing)
    assert torch.get_num_threads() == 2
    assert found == ((3.0, 9.0) if busy else (2.0, 1.0))


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_forward_alone_is_another_question() -> None:
    assert ask().passes == "to the weights"
    with torch.no_grad():
        assert ask().passes == "forward"


@pytest.mark.compiler
@pytest.mark.parametrize("is_faster", [True, False])
def test_the_layer_follows(is_faster: bool) -> None:
    x, weight = torch.randn(4, 2, 8, 8), torch.randn(3, 2, 3, 3, requires_grad=True)
    layer = LayerShape("max", (2, 8, 8), (3, 2, 3, 3), False, "relu")
    layout = "contiguous to channels_last"
    asked = choose.layer_question("convolution and pool", layer, x, weight, layout=layout)
    choose._known[asked] = is_faster
    y = conv_pool(x, weight, None, 0, "relu", measured=True)
    assert ("ConvPoolFunction" in type(y.grad_fn).__name__) == is_faster
    torch.testing.assert_close(y, plain(x, weight, None, (0, 0), "relu", "max"))
    assert build.mode() == "on"


@pytest.mark.compiler
def test_required_means_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_FUSED", "require")
    choose._known[ask()] = False
    assert choose.layer_is_faster(ask(), plainly, plainly)
    assert not choose._file().exists()
