"""Ways to damage what is in a file: as bytes, as text, as data."""

from __future__ import annotations

import json
import math
import random
import struct
from typing import Any

Random = random.Random

HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 7, 2**31, 2**63, 2**64, -(2**63), 10**400, -(10**400)),
    *(0.5, -0.0, 1e308, 1e-320, math.nan, math.inf, -math.inf),
    *("", " ", "x", "0", "1e400", "nan", "\ud800", "\udcff", "\0", "\x1b[31m", "\u202e", "é" * 300),
    *("../../etc/passwd", "/dev/zero", "~nobody", "a\nb", "x" * 20_000, "9" * 400, "{", "[" * 2000),
    *([], {}, [[]], [{}], {"": 1}, [0, 1], [None], ["a"], [1e400], {"a": {"b": []}}, [1] * 2000),
)  # fmt: skip


def bytes_damaged(rng: Random, whole: bytes) -> bytes:
    """`whole` with a few bytes changed, cut out, doubled, or exchanged for extreme numbers."""
    data = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at, length = rng.randrange(len(data) + 1), rng.randrange(1, 65)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.choice((0, 1, 9, 10, 34, 47, 127, 128, 255))
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        elif kind == 4:
            data[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1)))
        elif kind == 5:
            data[at:at] = rng.randbytes(length)
        else:
            del data[at:]
    return bytes(data)


def text_damaged(rng: Random, whole: str, words: tuple[str, ...]) -> str:
    """`whole` with a few words put in, cut out or moved."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(whole) + 1)
        digits = [k for k, each in enumerate(whole) if each.isdecimal()]
        if digits and rng.random() < 0.4:
            at = rng.choice(digits)
            whole = (
                whole[:at] + rng.choice(("0", "1", "3", "9", "12", "1e3", "7x")) + whole[at + 1 :]
            )
            continue
        end = min(len(whole), at + rng.choice((0, 1, 3, 8)))
        part = rng.choice((*words, "", whole[at:end] * 2, chr(rng.choice((0, 27, 233, 0x202E)))))
        whole = whole[:at] + part + whole[end:]
    return whole


def value_damaged(rng: Random, whole: Any) -> Any:
    """A copy of JSON-like data with one entry exchanged, removed or added."""
    if isinstance(whole, dict) and whole and rng.random() < 0.9:
        key = rng.choice(sorted(whole, key=str))
        kind = rng.random()
        if kind < 0.08:
            return {k: v for k, v in whole.items() if k != key}
        if kind < 0.14:
            return whole | {rng.choice(("x", "", "\ud800", "__class__", key.upper())): 1}
        return whole | {key: value_damaged(rng, whole[key])}
    if isinstance(whole, list | tuple) and whole and rng.random() < 0.85:
        at = rng.randrange(len(whole))
        changed = [*whole]
        changed[at : at + 1] = rng.choice(([], [value_damaged(rng, whole[at])], [whole[at]] * 2))
        return changed
    return rng.choice(HOSTILE)


def safetensors_damaged(rng: Random, whole: bytes) -> bytes:
    """A safetensors file, damaged anywhere, in its header, or in what its metadata describes."""
    if rng.random() < 0.4:
        return bytes_damaged(rng, whole)
    (length,) = struct.unpack("<Q", whole[:8])
    header = json.loads(whole[8 : 8 + length])
    if rng.random() < 0.7:
        own = header["__metadata__"]
        own["striate"] = json.dumps(value_damaged(rng, json.loads(own["striate"])))
    else:
        header = value_damaged(rng, header)
    written = json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + whole[8 + length :]
