"""Whether there is memory for what is asked: said before it is taken, with the node that asks.

What is compared is the least that a computation can do with: the largest value of one node, and
the weights. So what would have run is not refused; what needs more than the least and finds none
ends in the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from striate.display import shape_text
from striate.errors import NotEnoughMemoryError, SettingError
from striate.graph import Graph

SHORTAGE = re.compile(
    r"(?:can't allocate memory|out of memory|not enough memory|unable to allocate)", re.IGNORECASE
)
"""What PyTorch says, in a plain RuntimeError, when there is none."""

_ASKED = re.compile(r"allocate (\d+) bytes")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def size(number: float) -> str:
    """Bytes with a unit.

    >>> size(512), size(3_200_000), size(1 << 62)
    ('512 B', '3.1 MiB', '4.0 EiB')
    """
    for unit in _UNITS[:-1]:
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} {_UNITS[-1]}"


_WRITTEN = re.compile(
    r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?(?:([KMGTPE]?)(i?)B)?", re.ASCII | re.IGNORECASE
)


def bytes_of(written: str | int) -> int:
    """How many bytes a text with a unit says.

    Raises:
        SettingError: it is none, or says nothing or less.

    >>> bytes_of("8GiB"), bytes_of("1.5 kB"), bytes_of(512)
    (8589934592, 1500, 512)
    """
    found = _WRITTEN.fullmatch(str(written).strip())
    number = 0.0
    if found is not None:
        power = " KMGTPE".index((found[2] or " ").upper())
        number = float(found[1]) * (1024 if found[3] else 1000) ** power
    if number < 1:
        raise SettingError(
            f"{str(written)[:40]!r} says no number of bytes", remedy="Write 8GiB, or 512MiB."
        )
    return int(number)


class Need(NamedTuple):
    """Bytes, and who needs them in words."""

    bytes: int
    who: str


def available() -> int | None:
    """Bytes that this process may still take, at most; None where the system does not say."""
    limits = [_limit(Path(file)) for file in _CGROUPS]
    info = Path("/proc/meminfo")
    if info.exists():
        found = dict(re.findall(r"^(MemAvailable|SwapFree):\s+(\d+) kB", info.read_text(), re.M))
        limits.append(1024 * sum(map(int, found.values())) if "MemAvailable" in found else None)
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        limits.append(None if soft == resource.RLIM_INFINITY else soft)
    except ImportError:  # not a Unix
        pass
    return min((each for each in limits if each is not None), default=None)


_CGROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def _limit(file: Path) -> int | None:
    """What a container may take."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def needs(graph: Graph, batch: int, *, number: int = 4, training: bool = False) -> list[Need]:
    """What each node needs at least: its weights, and `batch` times its output.

    Args:
        number: bytes of a number; 8 in float64.
        training: with gradients, which take as much again.
    """
    factor = number * (2 if training else 1)
    found = []
    for node in graph:
        for name, weight in graph.own_weights(node).items():
            shape = shape_text(weight.shape)
            found.append(Need(factor * weight.size, f"{node.name}.{name} of {shape}"))
        spec = graph.specs[node.name]
        if batch:
            who = f"{node.name}, {spec} for each of {_pictures(batch)},"
            found.append(Need(factor * batch * spec.size, who))
    return found


def _pictures(batch: int) -> str:
    return "1 picture" if batch == 1 else f"{batch:,} pictures"


def check(graph: Graph, batch: int, *, number: int = 4, training: bool = False) -> None:
    """Refuse what cannot fit.

    Raises:
        NotEnoughMemoryError: a node needs more than there is, or all weights do.
    """
    room = available()
    if room is None:
        return
    found = needs(graph, batch, number=number, training=training)
    largest = max(found, key=lambda each: each.bytes, default=Need(0, "nothing"))
    weights = sum(each.bytes for each in found if "." in each.who.split(" ")[0])
    if largest.bytes > room:
        raise _short(largest.bytes, largest.who, room)
    if weights > room:
        raise _short(weights, "all weights together", room)


@contextmanager
def enough(graph: Graph, batch: int, *, number: int = 4, training: bool = False) -> Iterator[None]:
    """Check before, and say it in the same words when memory runs out inside.

    Raises:
        NotEnoughMemoryError: with how much was asked, and by which node.
    """
    check(graph, batch, number=number, training=training)
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        found = needs(graph, batch, number=number, training=training)
        asked = _ASKED.search(str(error))
        if asked is None:
            raise _short(*max(found, key=lambda each: each.bytes), available()) from None
        bytes_ = int(asked[1])
        nearest = min(found, key=lambda each: abs(each.bytes - bytes_))
        raise _short(bytes_, f"probably {nearest.who}", available()) from None


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    return isinstance(error, MemoryError) or bool(SHORTAGE.search(str(error)))


def _short(asked: int, who: str, room: int | None) -> NotEnoughMemoryError:
    free = f"About {size(room)} are free. " if room is not None else ""
    return NotEnoughMemoryError(
        f"there is not enough memory: {who} needs {size(asked)}",
        remedy=f"{free}Take fewer pictures at a time, smaller ones, or a smaller network.",
    )
