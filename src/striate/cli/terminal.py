"""How answers look: tables and numbers for a person, JSON for a program."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from striate.console import console as console
from striate.console import hush as hush
from striate.console import naming
from striate.display import HIDDEN, Block, fitted
from striate.display import visible as visible


def say(text: str, *, error: bool = False) -> None:
    """A line on standard output, or on standard error."""
    write(f"{visible(text)}\n", sys.stderr if error else sys.stdout)


def write(text: str, stream: TextIO) -> None:
    """`text` as it is, at once."""
    with naming(stream):
        stream.write(text)
        stream.flush()


def print_json(answer: Mapping[str, object]) -> None:
    """One line of JSON on standard output; never NaN, which JSON does not have."""
    write(json_text(answer) + "\n", sys.stdout)


def json_text(answer: Mapping[str, object]) -> str:
    """JSON on one line, in which whatever a terminal obeys is escaped."""
    text = json.dumps(_finite(answer), ensure_ascii=False, allow_nan=False)
    return HIDDEN.sub(_json_escape, text)


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[k : k + 4]}" for k in range(0, len(units), 4))


def _finite(value: object) -> object:
    """`value` with numbers that JSON cannot hold written as text."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def show(blocks: Iterable[Block]) -> None:
    """Print lines and tables, as wide as the terminal; columns without room are named."""
    out = console()
    for block in fitted(blocks, out.width):
        out.print(block.on_terminal(out.width))


def is_first_rank() -> bool:
    """Whether this process prints: it is no other rank of a run that torchrun started."""
    return is_rank(0)


def is_rank(rank: int) -> bool:
    """Whether this process has this rank; alone it has every one."""
    return os.environ.get("RANK") in (None, str(rank))
