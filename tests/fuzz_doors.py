"""Damaged and hostile input at every door: the answer is ours, soon, and in little memory.

    python tests/fuzz_doors.py              every door, at least 200,000 inputs
    python tests/fuzz_doors.py model 5000   one door, so many inputs
    python tests/fuzz_doors.py model 5000 7 with another seed

Input k of a door is the same in every run with the same seed.
"""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from types import FrameType
from typing import Any

from damage import Random
from doors import DOORS, READY
from striate.errors import StriateError

LIMIT = 10
"""Seconds that one input may take."""

MOST_MEMORY = 2 << 30


class TooLongError(BaseException):
    """An input took longer than the limit."""


@contextlib.contextmanager
def _timed() -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tried(name: str, count: int, seed: int = 0) -> dict[str, Any]:
    """Hand `count` damaged inputs in at one door; counts, the slowest, and what failed."""
    door, _ = DOORS[name]
    accepted = refused = 0
    slowest = 0.0
    failures: list[str] = []
    READY.get(name, lambda: None)()
    for k in range(count):
        begin = time.perf_counter()
        try:
            with _timed():
                door(Random(f"{name} {seed} {k}"))
            accepted += 1
        except StriateError as error:
            refused += 1
            if not str(error) or len(str(error)) > 20_000:
                failures.append(f"{name} {k}: an answer of {len(str(error))} characters")
        except (Exception, TooLongError):
            failures.append(f"{name} {k} (seed {seed})\n{traceback.format_exc()[-1500:]}")
            if len(failures) > 20:
                break
        slowest = max(slowest, time.perf_counter() - begin)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "door": name,
        "tried": k + 1,
        "accepted": accepted,
        "refused": refused,
        "slowest_seconds": round(slowest, 2),
        "peak_mib": memory >> 20,
        "failures": failures,
    }


def main() -> None:
    """Print a line of JSON for each door; exit 1 if one failed."""
    names = [sys.argv[1]] if len(sys.argv) > 1 else list(DOORS)
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    bad = False
    warnings.simplefilter("ignore")  # Pillow's, of damaged pictures
    for name in names:
        count = int(sys.argv[2]) if len(sys.argv) > 2 else DOORS[name][1]
        kept = sys.argv[:]
        found = tried(name, count, seed)
        sys.argv = kept
        print(json.dumps({k: v for k, v in found.items() if k != "failures"}), flush=True)
        for each in found["failures"]:
            print(each, file=sys.stderr, flush=True)
        bad |= bool(found["failures"]) or found["peak_mib"] << 20 > MOST_MEMORY
    sys.exit(bad)


if __name__ == "__main__":
    main()
