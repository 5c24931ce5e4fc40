"""Which is faster here, the fused kernel or plain PyTorch: measured once, remembered, shown.

A choice holds for a kernel's layers (their shapes, settings, layout), a batch rounded up to a
power of two, forward alone or with backward, a number of threads, this processor, this PyTorch and
these kernels' sources. It is one entry of `choices.json` in the cache folder; delete the file to
measure again. The first answer in the file stands, whoever else measures meanwhile, so that a run
that is resumed computes as it began; where nothing can be written down, PyTorch runs.
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
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from striate.display import shape_text
from striate.files import read_text
from striate.fused import build
from striate.fused.layer import Bounded, LayerShape, rounded_up, timing_input

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None  # type: ignore[assignment]

WARM_UP, LATEST = 2, 5
PATIENCE = 1.0
"""Seconds that a busy machine is given to come to rest in."""

MARGIN = 1.02  # a tie is PyTorch's: what everybody runs is tested by everybody
LARGEST_FILE = 1 << 26
"""Bytes of a file of choices; a larger one is none of ours."""

Kernel = Literal[
    "convolution and pool",
    "dense",
    "Winograd convolution",
    "batch normalization",
    "frozen convolution",
    "frozen convolution, tiled",
    "one call each way",
    "one call, frozen",
]
Passes = Literal["forward", "to the weights", "forward and back"]
Timed = Callable[[], object]
Clock = Callable[[], float]
Timings = tuple[float, ...]
"""Milliseconds of the kernel and of PyTorch, and the margin."""
LONGEST = 1e9


@dataclass(frozen=True)
class Question:
    """All that a choice depends on, but for the machine.

    Args:
        layers: in order.
        batch: rounded up to a power of two.
        passes: what is computed.
        threads: how many compute it.
        layout: of the maps that are read and written.
        tiles: whether Winograd's tiles are allowed.
        dtype: of the numbers.
        isa: the widest instructions that PyTorch uses.
    """

    kernel: Kernel
    layers: tuple[LayerShape, ...]
    batch: int
    passes: Passes
    threads: int
    layout: str = "channels_last"
    tiles: bool = True
    dtype: str = "float32"
    isa: str = torch.backends.cpu.get_cpu_capability()

    @property
    def key(self) -> str:
        """The entry's name in the file."""
        return entry(asdict(self))

    def __str__(self) -> str:
        size = shape_text((self.batch, *self.layers[0].size))
        layers = " -> ".join(map(_words, self.layers))
        tiles = "" if self.tiles else "no tiles, "
        return f"{size}: {layers}, {tiles}{self.passes}, {self.threads} threads"


def _words(layer: LayerShape) -> str:
    kind = f"conv and {layer.kind}-pool" if layer.kind in ("max", "avg") else layer.kind
    parts = [f"{kind} {shape_text(layer.weight)}"]
    for name, value, usual in (("pad", layer.padding, (0, 0)), ("stride", layer.stride, (1, 1))):
        parts += [f"{name} {value[0]}x{value[1]}"] if value != usual else []
    parts += ["add"] if layer.adds else []
    parts += [layer.activation] if layer.activation != "identity" else []
    return " ".join(parts)


@dataclass(frozen=True)
class Choice:
    """What was measured, in milliseconds per call: the shortest, which others' load disturbs least.

    Of all threads on the wall; on a busy machine of one thread alone.

    Args:
        margin: how many times as fast the kernel has to be.
    """

    question: Question
    fused_ms: float
    plain_ms: float
    margin: float = MARGIN

    @property
    def is_faster(self) -> bool:
        """Whether the kernel is used."""
        return self.fused_ms * self.margin < self.plain_ms


def passes(x: Tensor, *weights: Tensor | None) -> Passes:
    """What autograd will ask of a call with these."""
    if not torch.is_grad_enabled():
        return "forward"
    if x.requires_grad:
        return "forward and back"
    learns = any(each is not None and each.requires_grad for each in weights)
    return "to the weights" if learns else "forward"


def layer_question(
    kernel: Kernel,
    layer: LayerShape,
    x: Tensor,
    *weights: Tensor | None,
    layout: str = "channels_last",
    tiles: bool = True,
) -> Question:
    """The question that a call of one layer asks.

    Args:
        x, weights: what it is called with.
    """
    batch, threads = rounded_up(x.shape[0]), torch.get_num_threads()
    return Question(kernel, (layer,), batch, passes(x, *weights), threads, layout, tiles)


_known = Bounded(4096)


def is_faster(asked: Question, fused: Timed, plainly: Timed, margin: float = MARGIN) -> bool:
    """Whether the kernel beats PyTorch here; True under `STRIATE_FUSED=require`.

    The first time it measures: some calls of each, more on a busy machine.

    Args:
        fused, plainly: compute what was asked for, with its passes.
        margin: how many times as fast it has to be; below 1 where a tie is to be the kernel's.
    """
    if build.mode() == "require":
        return True
    if asked not in _known:
        key = asked.key
        found = recalled(key)
        if found is None and _can_write():
            kept = record(key, (*_raced(fused, plainly), margin))
            choice = None if kept is None else Choice(asked, *kept)
        else:
            choice = None if found is None else Choice(asked, *found)
        _known[asked] = choice is not None and choice.is_faster
    return bool(_known[asked])


def layer_is_faster(
    asked: Question, fused: Callable[..., Tensor], plainly: Callable[..., Tensor]
) -> bool:
    """The same for one layer, measured on random numbers.

    Args:
        fused, plainly: from x, weight and bias to the answer.
    """

    def timed(function: Callable[..., Tensor], *, best: bool) -> Timed:
        case: list[Any] = []

        def call() -> None:
            if not case:
                case.extend(_case(asked, best=best))
            with torch.set_grad_enabled(asked.passes != "forward"):
                y = function(*case)
                if asked.passes != "forward":
                    torch.autograd.backward(y, y.detach())

        return call

    return is_faster(asked, timed(fused, best=False), timed(plainly, best=True))


def _case(asked: Question, *, best: bool) -> list[Tensor | None]:
    """x, weight and bias; `best` in PyTorch's better layout."""
    (layer,) = asked.layers
    generator = torch.Generator().manual_seed(0)
    x = timing_input((asked.batch, *layer.size))
    weight = torch.randn(layer.weight, generator=generator) / layer.weight[1]
    if best and weight.ndim == 4:
        weight = weight.to(memory_format=torch.channels_last)
    bias = torch.randn(layer.weight[:1], generator=generator) if layer.bias else None
    x.requires_grad_(asked.passes == "forward and back")
    for each in (weight, bias):
        if each is not None:
            each.requires_grad_(asked.passes != "forward")
    return [x, weight, bias]


def choices() -> list[Choice]:
    """All that was chosen on this machine so far, in the order of its words."""
    found = (_choice(key, numbers) for key, numbers in _read().items())
    return sorted((each for each in found if each), key=lambda choice: str(choice.question))


def _choice(key: str, numbers: Timings) -> Choice | None:
    """An entry of the file; None for another machine's, or what is none."""
    try:
        told, here = json.loads(key)
        layers = tuple(_from(LayerShape, layer) for layer in told["layers"])
        question: Question = _from(Question, told | {"layers": layers})
        fits = here == _here() and question.key == key and layers
        return Choice(question, *numbers) if fits else None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None


def _from(kind: Any, told: dict[str, Any]) -> Any:
    names = {each.name for each in fields(kind)}
    return kind(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in told.items() if k in names}
    )


def _raced(fused: Timed, plainly: Timed) -> tuple[float, float]:
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


def _race(fused: Timed, plainly: Timed, clock: Clock) -> tuple[float, float]:
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


def _seconds(call: Timed, clock: Clock) -> float:
    begin = clock()
    call()
    return clock() - begin


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


def _read() -> dict[str, Timings]:
    try:
        content = json.loads(read_text(_file(), build.Unavailable, most=LARGEST_FILE))
    except (build.Unavailable, ValueError, RecursionError):  # none yet, or damaged: measure again
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {key: tuple(map(float, each)) for key, each in entries if _is_sound(each)}


def _is_sound(numbers: object) -> bool:
    """Whether this is three times that can be compared."""
    return (
        isinstance(numbers, list)
        and len(numbers) == 3
        and all(type(n) in (int, float) and 0 <= n < LONGEST for n in numbers)
    )


def _can_write() -> bool:
    try:
        with _locked():
            return True
    except OSError:
        return False


def entry(told: dict[str, Any]) -> str:
    """The name in the file of another question, on this machine."""
    return json.dumps([told, _here()], separators=(",", ":"))


def recalled(key: str) -> Timings | None:
    """What stands in the file, if anything does."""
    return _read().get(key)


def record(key: str, timings: Timings) -> Timings | None:
    """What stands in the file afterwards: `timings`, or what another process wrote before."""
    try:
        with _locked():
            entries = _read()
            if key not in entries:
                entries[key] = timings
                _write(entries)
            return entries[key]
    except OSError:
        return None


@contextmanager
def _locked() -> Iterator[None]:
    path = _file().with_suffix(".lock")
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no file")  # a pipe would be waited for
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(entries: dict[str, Timings]) -> None:
    handle, temporary = tempfile.mkstemp(dir=_file().parent, suffix=".tmp")
    with os.fdopen(handle, "w") as file:
        json.dump(entries, file, indent=0)
    os.replace(temporary, _file())
