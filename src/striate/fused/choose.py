"""Which is faster here, the fused kernel or plain PyTorch: measured once, remembered, shown.

A choice holds for one layer's shapes (batch rounded up to a power of two), forward alone or with
backward, a number of threads, this processor, this PyTorch and these kernels' sources. It is one
entry of `choices.json` in the cache folder; delete the file to measure again. The first answer in
the file stands, whoever else measures meanwhile, so that a run that is resumed computes as it
began; where nothing can be written down, PyTorch runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from striate.files import read_text
from striate.fused import build
from striate.fused.layer import Activation, Pool

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]

WARM_UP, LATEST = 2, 5
PATIENCE = 1.0
"""Seconds that a busy machine is given to come to rest in."""

MARGIN = 1.02  # a tie is PyTorch's: what everybody runs is tested by everybody


@dataclass(frozen=True)
class Question:
    """A layer as a choice depends on it."""

    x: tuple[int, ...]
    weight: tuple[int, ...]
    padding: tuple[int, int]
    activation: Activation
    pool: Pool | Literal["none"]
    backward: bool  # with the gradients of the weights
    dx: bool  # and of x
    threads: int

    @property
    def key(self) -> str:
        """The entry's name in the file."""
        return json.dumps([*asdict(self).values(), _here()], separators=(",", ":"))


@dataclass(frozen=True)
class Choice:
    """What was measured, in milliseconds a call: the shortest, which others' load disturbs least.

    Of all threads on the wall; on a busy machine of one thread alone.

    >>> Choice("max-pool 9x1x28x28", 1.0, 3.5).fused_wins
    True
    """

    layer: str
    fused_ms: float
    plain_ms: float
    margin: float = MARGIN

    @property
    def fused_wins(self) -> bool:
        """Whether the kernel is used."""
        return self.fused_ms * self.margin < self.plain_ms


def question(
    x: Tensor,
    weight: Tensor,
    padding: tuple[int, int],
    activation: Activation,
    pool: Pool | Literal["none"],
) -> Question:
    """The question that a call asks."""
    batch = 1 << (x.shape[0] - 1).bit_length()
    training = torch.is_grad_enabled()
    dx = training and x.requires_grad
    backward = dx or (training and weight.requires_grad)
    shape = (batch, *x.shape[1:])
    threads = torch.get_num_threads()
    return Question(shape, tuple(weight.shape), padding, activation, pool, backward, dx, threads)


_known: dict[Question | str, bool] = {}


Layer = Callable[[Tensor, Tensor], Tensor]
Call = Callable[[], object]
Clock = Callable[[], float]


def fused_wins(asked: Question, fused: Layer, plainly: Layer) -> bool:
    """Whether `fused` beats `plainly`, both of x and the weights, for this layer.

    The first time it measures: some calls of each, more on a busy machine. Under
    `STRIATE_FUSED=require` it always does.
    """
    return _wins(asked, lambda: asked.key, lambda: _measure(asked, fused, plainly))


def chain_wins(told: str, fused: Call, plainly: Call, margin: float = MARGIN) -> bool:
    """The same for a chain of layers, told in words: sizes, batch and threads.

    Args:
        margin: how many times as fast it has to be; below 1 where a tie is to be the chain's.
    """

    def measure() -> Choice:
        return Choice(told, *_raced(fused, plainly), margin)

    return _wins(told, lambda: json.dumps([told, _here()], separators=(",", ":")), measure)


def _wins(asked: Question | str, key: Callable[[], str], measure: Callable[[], Choice]) -> bool:
    if build.mode() == "require":
        return True
    if asked not in _known:
        entry = key()  # some 40 microseconds, so not at every call
        found = _read().get(entry)
        if found is None and _can_write():
            found = _add(entry, measure())
        _known[asked] = found is not None and found.fused_wins
    return _known[asked]


def choices() -> list[Choice]:
    """All that was chosen on this machine so far, by layer."""
    here = _here()
    found = [choice for key, choice in _read().items() if json.loads(key)[-1] == here]
    return sorted(found, key=lambda choice: choice.layer)


def _measure(asked: Question, fused: Layer, plainly: Layer) -> Choice:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(asked.x, generator=generator)
    weight = torch.randn(asked.weight, generator=generator) / asked.weight[1]
    best = weight.clone()
    if x.ndim == 4:  # PyTorch's better layout, for both
        x, best = (t.to(memory_format=torch.channels_last) for t in (x, best))
    for tensor, wanted in ((x, asked.dx), (weight, asked.backward), (best, asked.backward)):
        tensor.requires_grad_(wanted)

    def call(function: Layer, own: Tensor) -> None:
        y = function(x, own)
        if asked.backward:
            torch.autograd.backward(y, y.detach())

    with torch.set_grad_enabled(asked.backward):
        times = _raced(partial(call, fused, weight), partial(call, plainly, best))
    return Choice(_describe(asked), *times)


def _raced(fused: Call, plainly: Call) -> tuple[float, float]:
    """The shortest milliseconds of each, by as many threads as there are.

    While others use the machine, threads that wait for each other measure the others. They show it
    by taking longer than one thread's own time, which is the answer then.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = _race(fused, plainly, time.thread_time)
    finally:
        torch.set_num_threads(threads)
    if threads == 1:
        return alone
    together = _race(fused, plainly, time.perf_counter)
    return together if together[0] < alone[0] and together[1] < alone[1] else alone


def _race(fused: Call, plainly: Call, clock: Clock) -> tuple[float, float]:
    """In turns, until both are calm."""
    times: tuple[list[float], list[float]] = [], []
    end = time.perf_counter() + PATIENCE
    while not all(map(_is_calm, times)) and (
        time.perf_counter() < end or len(times[0]) < WARM_UP + LATEST
    ):
        for call, its in zip((fused, plainly), times, strict=True):
            its.append(_seconds(call, clock))
    first, second = (round(min(its[WARM_UP:]) * 1e3, 4) for its in times)
    return first, second


def _is_calm(seconds: list[float]) -> bool:
    """Whether the latest calls took about as long as the shortest of all, as on a machine at rest.

    Elsewhere a call now and then still finds the processor free, so more calls are worth waiting
    for: a choice is kept for good.

    >>> _is_calm([9.0, 5.0, 1.0, 1.1, 1.0, 1.2, 1.1]), _is_calm([9.0, 5.0, 1.0, 3.0, 1.0, 2.0, 2.0])
    (True, False)
    """
    latest = sorted(seconds[WARM_UP:][-LATEST:])
    return len(latest) == LATEST and latest[LATEST // 2] <= 1.2 * min(seconds[WARM_UP:])


def _seconds(call: Call, clock: Clock) -> float:
    begin = clock()
    call()
    return clock() - begin


def _describe(asked: Question) -> str:
    sizes = "x".join(map(str, asked.x)), "x".join(map(str, asked.weight))
    passes = "forward and back" if asked.dx else "to the weights" if asked.backward else "forward"
    layer = f"dense {sizes[0]} by {sizes[1]}"
    if len(asked.x) == 4:
        padding = "x".join(map(str, asked.padding))
        layer = f"conv {sizes[0]} by {sizes[1]}, pad {padding}"
    if asked.pool != "none":
        layer = f"{asked.pool}-pool of {layer}"
    return f"{layer}, {asked.activation}, {passes}, {asked.threads} threads"


@cache
def _here() -> str:
    try:
        command = " ".join(build.compiler())
    except build.Unavailable:
        command = ""
    level = torch.backends.cpu.get_cpu_capability()
    told = "\0".join((build.processor(), torch.__version__, level, command))
    digest = hashlib.sha256(told.encode())
    for path in sorted(build.SOURCES.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _file() -> Path:
    return build.cache_folder() / "choices.json"


def _read() -> dict[str, Choice]:
    try:
        content = json.loads(read_text(_file(), build.Unavailable))
    except (build.Unavailable, ValueError, RecursionError):  # none yet, or damaged: measure again
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {key: Choice(**value) for key, value in entries if _is_choice(key, value)}


def _is_choice(key: str, value: Any) -> bool:
    """Whether an entry of the file is one that was measured; a damaged one is measured again."""
    try:
        named = json.loads(key)
    except (ValueError, RecursionError):
        return False
    if not (named and isinstance(named, list) and isinstance(value, dict)):
        return False
    if {*value} != {field.name for field in fields(Choice)}:
        return False
    numbers = (value[name] for name in ("fused_ms", "plain_ms", "margin"))
    fit = all(type(each) in (int, float) and 0 <= each < 1e12 for each in numbers)
    return fit and isinstance(value["layer"], str)


def _can_write() -> bool:
    try:
        with _locked():
            return True
    except OSError:
        return False


def _add(key: str, choice: Choice) -> Choice | None:
    """What stands in the file afterwards: `choice`, or what another process wrote before."""
    try:
        with _locked():
            entries = _read()
            if key not in entries:
                _write(entries | {key: choice})
            return entries.get(key, choice)
    except OSError:
        return None


@contextmanager
def _locked() -> Iterator[None]:
    with _file().with_suffix(".lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(entries: dict[str, Choice]) -> None:
    handle, temporary = tempfile.mkstemp(dir=_file().parent, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        json.dump({name: asdict(value) for name, value in entries.items()}, file, indent=0)
    os.replace(temporary, _file())
