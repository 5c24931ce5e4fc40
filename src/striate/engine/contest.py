"""Which engine answers for a whole frozen network: measured in its first calls, remembered.

The first calls are Striate's own. Once they have taken as long as preparing another engine costs,
the contenders answer in turn, each with real answers, so that measuring wastes no call; the
fastest answers from then on. What was found lies in the file of choices, beside the kernels'.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from striate.display import Block, Column, Displayed, Grid, Line
from striate.engine.engine import Engine
from striate.engine.runtimes import RUNTIMES, Answering, EngineName, absent, opened, version_of
from striate.errors import StriateError
from striate.fused import build, choose
from striate.fused.layer import rounded_up
from striate.graph import Graph
from striate.pytorch.weights import weights_of

if TYPE_CHECKING:
    from striate.pytorch.network import Network

OWN = "striate"
PATIENCE = 0.5
"""Seconds that our own answers take before others are prepared, which takes about as long."""

TURN, TURNS = 3, 3
"""Calls in a turn, of which the first is not counted, and turns of each contender: threads of one
engine stay awake for a while and are in the way of the next."""


@dataclass(frozen=True, repr=False)
class EngineTimes(Displayed):
    """What was measured of the engines that can run a frozen network.

    Args:
        milliseconds: the shortest of a call, by batch (rounded up to a power of two), threads and
            engine.
        missing: why an engine does not take part, by name.
    """

    milliseconds: Mapping[tuple[int, int], Mapping[str, float]]
    missing: Mapping[str, str]

    @property
    def headline(self) -> str:
        """How much was measured."""
        many = len(self.milliseconds)
        return f"engines measured at {many} batch size{'' if many == 1 else 's'}"

    def display(self) -> Iterator[Block]:
        """A row for each batch, and who is missing."""
        yield Line(self.headline)
        names = list(dict.fromkeys(k for each in self.milliseconds.values() for k in each))
        rows = tuple(
            (str(batch), str(threads), *(f"{its[k]:.3g} ms" if k in its else "-" for k in names))
            for (batch, threads), its in self.milliseconds.items()
        )
        if rows:
            yield Grid((Column("batch"), Column("threads"), *map(Column, names)), rows)
        for name, why in self.missing.items():
            yield Line(f"{name} takes no part: {why}")


@dataclass
class Race:
    """The calls of one batch size so far.

    Args:
        calls: all of them.
        spent: seconds of our own answers, without the first call's, which prepares.
        seconds: of the calls that count, by contender.
        turn: calls since the contenders answer in turn.
    """

    calls: int = 0
    spent: float = 0.0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    turn: int = 0


class Contest:
    """A shortcut of a frozen network that lets one of several engines answer.

    It runs only where the guard of our own engine sees that nobody can tell. A copy, and a pickled
    one, measures again, or reads what is in the file.

    Args:
        graph: what is run, folded.
        own: our engine.
        wanted: the only one to answer, or "auto".
    """

    def __init__(self, graph: Graph, own: Engine, wanted: EngineName) -> None:
        self._graph, self.own, self.wanted = graph, own, wanted
        self.missing: dict[str, str] = {}
        self.milliseconds: dict[tuple[int, int], dict[str, float]] = {}
        self.name: str = OWN if wanted == "auto" else wanted
        self._sizes = [graph.specs[node.name].shape for node in graph.inputs]
        self._network = hashlib.sha256(repr(list(graph)).encode()).hexdigest()[:16]
        self._start(None)

    def __reduce__(self) -> tuple[Any, ...]:
        return Contest, (self._graph, self.own, self.wanted)

    def __deepcopy__(self, memo: dict[int, Any]) -> Contest:
        return Contest(self._graph, self.own.__deepcopy__(memo), self.wanted)

    def _start(self, seen: object) -> None:
        """Look at the weights anew."""
        self._seen = seen
        self._ready: dict[tuple[str, int], Answering] = {}
        self._chosen: dict[tuple[int, int], str] = {}
        self._races: dict[tuple[int, int], Race] = {}

    def forget(self) -> None:
        """Look at modules and weights again before the next call."""
        self.own.forget()
        self._start(None)

    def prepare(self, network: Network) -> None:
        """Open the engine that is wanted, so that its errors come early.

        Raises:
            SettingError, OnnxError: as `opened`.
        """
        if self.wanted in RUNTIMES:
            self._start(self.own.seen(network, ()))
            self._opened(self.wanted, network)

    def __call__(self, network: Network, inputs: tuple[Any, ...]) -> Any:
        """The scores; None where the layers must run one by one."""
        seen = self.own.seen(network, inputs)
        if seen is None or self.wanted == "pytorch":
            self.name = "pytorch"
            return None
        if seen is not self._seen:
            self._start(seen)
        if [tuple(x.shape[1:]) for x in inputs] != self._sizes:
            return self.own(network, inputs)
        at = rounded_up(len(inputs[0])), torch.get_num_threads()
        name = self._chosen.get(at) if self.wanted == "auto" else self.wanted
        if name is None:
            return self._in_turn(network, inputs, at)
        try:
            return self._answer(name, network, inputs)
        except Exception as error:  # of another maker's engine, whatever its class
            if name == OWN or self.wanted != "auto":
                raise
            self._leave_out(name, error)
            return self._answer(OWN, network, inputs)

    def _answer(self, name: str, network: Network, inputs: tuple[Any, ...]) -> Any:
        self.name = name
        if name == OWN:
            return self.own(network, inputs)
        return self._opened(name, network)(inputs)

    def _opened(self, name: str, network: Network) -> Answering:
        at = name, torch.get_num_threads()
        if at not in self._ready:
            self._ready[at] = opened(name, self._graph, weights_of(network), at[1])
        return self._ready[at]

    def _in_turn(self, network: Network, inputs: tuple[Any, ...], at: tuple[int, int]) -> Any:
        race = self._races.setdefault(at, Race())
        race.calls += 1
        if race.calls == 1:
            self._recall(at)
        if race.calls == 1 or race.spent < PATIENCE:
            begin = time.perf_counter()
            found = self._answer(OWN, network, inputs)
            race.spent += (time.perf_counter() - begin) * (race.calls > 1)
            return found
        rivals = self._rivals()
        name = [OWN, *rivals][race.turn // TURN % (1 + len(rivals))]
        try:
            return self._timed(race, name, network, inputs)
        except Exception as error:  # of another maker's engine, whatever its class
            if name == OWN:
                raise
            self._leave_out(name, error)
            return self._answer(OWN, network, inputs)
        finally:
            self._decide(at, [OWN, *self._rivals()])

    def _timed(self, race: Race, name: str, network: Network, inputs: tuple[Any, ...]) -> Tensor:
        begin = time.perf_counter()
        found: Tensor = self._answer(name, network, inputs)
        if race.turn % TURN:
            race.seconds.setdefault(name, []).append(time.perf_counter() - begin)
        race.turn += 1
        return found

    def _leave_out(self, name: str, error: Exception) -> None:
        """Go on without an engine, and say why."""
        what = error.what if isinstance(error, StriateError) else str(error)
        self.missing[name] = (what.splitlines() or [type(error).__name__])[0]
        self._races, self._chosen = {}, {}

    def _rivals(self) -> list[str]:
        for name in RUNTIMES:
            why = absent(name)
            if why:
                self.missing[name] = why
        alone = build.mode() == "require"
        return [] if alone else [each for each in RUNTIMES if each not in self.missing]

    def _decide(self, at: tuple[int, int], names: list[str]) -> None:
        """Choose, where each has been measured often enough."""
        race = self._races.get(at)  # none where an engine was just left out
        if race is None or race.turn < TURN * TURNS * len(names):
            return
        found = {k: round(min(race.seconds[k]) * 1e3, 4) for k in names}
        for name in names[1:]:
            entry, (theirs, ours) = self._entry(name, at), (found[name], found[OWN])
            choose.record(entry, (theirs, ours, choose.MARGIN))
        self._choose(at, found)

    def _recall(self, at: tuple[int, int]) -> None:
        """Choose by what is in the file, where all rivals are."""
        found: dict[str, float] = {}
        for name in self._rivals():
            known = choose.recalled(self._entry(name, at))
            if known is None:
                return
            found[OWN], found[name] = known[1], known[0]
        self._choose(at, found)

    def _choose(self, at: tuple[int, int], found: dict[str, float]) -> None:
        best = min(found, key=lambda name: found[name], default=OWN)
        wins = best != OWN and found[best] * choose.MARGIN < found[OWN]
        self._chosen[at] = best if wins else OWN
        if found:
            self.milliseconds[at] = found
        kept = {*self._chosen.values()}  # the others' copies of the weights are given back
        self._ready = {each: ready for each, ready in self._ready.items() if each[0] in kept}

    def _entry(self, name: str, at: tuple[int, int]) -> str:
        batch, threads = at
        made = {"engine": name, "version": version_of(name), "mode": build.mode()}
        return choose.entry({"network": self._network, **made, "batch": batch, "threads": threads})
