"""What may stand in each field of a description that came from a file: tables of checks."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from striate.errors import StriateError
from striate.graph.settings import shown

LARGEST = 2**63 - 1
"""A whole number beyond this counts nothing that a machine can hold."""


@dataclass(frozen=True)
class FieldKind:
    """One field of a description.

    Args:
        kind: what it holds, in words: "a whole number of 0 or more".
        fits: whether a value is of that kind.
        required: whether it has to be there.
    """

    kind: str
    fits: Callable[[Any], bool]
    required: bool = True

    @property
    def optional(self) -> FieldKind:
        """The same, where it may be missing."""
        return FieldKind(self.kind, self.fits, required=False)


def is_text(value: object) -> bool:
    """Whether it is a text that UTF-8 can hold."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_number(value: object) -> bool:
    """Whether it is a finite number, small enough for a float."""
    return type(value) in (int, float) and abs(value) <= LARGEST**16 and math.isfinite(value)  # type: ignore[arg-type]


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _is_path(value: object) -> bool:
    """Bytes of a name that are no UTF-8 come as lone surrogates; any other surrogate is none."""
    try:
        return isinstance(value, str) and "\0" not in value and os.fsencode(value) is not None
    except UnicodeEncodeError:
        return False


TEXT = FieldKind("a text", is_text)
PATH = FieldKind("the name of a file", _is_path)
FLAG = FieldKind("true or false", lambda value: isinstance(value, bool))
COUNT = FieldKind(f"a whole number from 0 to {LARGEST}", _is_count)
SEED = FieldKind(
    "a whole number of 0 or more", lambda value: type(value) is int and 0 <= value <= 10**1000
)
NUMBER = FieldKind("a finite number", is_number)
ANY_NUMBER = FieldKind("a number", lambda value: type(value) is float or is_number(value))
TABLE = FieldKind("a table of fields", lambda value: isinstance(value, Mapping))
LIST = FieldKind("a list", lambda value: isinstance(value, list))
TEXTS = FieldKind(
    "a list of texts", lambda value: isinstance(value, list) and all(map(is_text, value))
)


def or_none(field: FieldKind) -> FieldKind:
    """`field`, or nothing."""
    return FieldKind(f"{field.kind}, or null", lambda value: value is None or field.fits(value))


_BY_TYPE = {
    "int": COUNT,
    "float": NUMBER,
    "str": TEXT,
    "bool": FLAG,
    "float | None": or_none(NUMBER),
}


def fields_of(kind: type, **own: FieldKind) -> dict[str, FieldKind]:
    """The table of a dataclass of numbers and texts, by the types it declares.

    Args:
        own: what fields of other types hold, or fields that hold more than their type says.
    """
    return {
        each.name: own.get(each.name) or _BY_TYPE[str(each.type)]
        for each in dataclasses.fields(kind)
    }


def checked(
    data: object,
    table: Mapping[str, FieldKind],
    where: str,
    error: type[StriateError],
    *,
    others: bool = False,
) -> dict[str, Any]:
    """The fields of `data`, each of its kind.

    Args:
        table: field -> what it may be.
        where: what `data` is, for the error: "the position in FILE".
        others: whether fields outside the table are let through.

    Raises:
        StriateError: of the class `error`, naming the first field that is missing, unknown or of
            another kind.
    """
    if not isinstance(data, Mapping):
        raise error(f"{where} is {shown(data)}, not {TABLE.kind}")
    for name, field in table.items():
        if name not in data:
            if field.required:
                raise error(f"{where} lacks {name}", remedy=f"It is {field.kind}.")
        elif not field.fits(data[name]):
            raise error(f"{name} in {where} is {shown(data[name])}, not {field.kind}")
    strange = [name for name in data if name not in table]
    if strange and not others:
        raise error(f"{where} has a field {shown(strange[0])}", remedy=f"Known: {_all(table)}.")
    return dict(data)


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)


def parsed_json(content: str | bytes) -> Any:
    """JSON without its traps: NaN, keys given twice, lists nested deeper than the stack.

    Raises:
        ValueError: it is not JSON; the message says why.
    """
    try:
        return json.loads(content, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it nests too deep") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _twice(pairs)
    return found


def _twice(pairs: list[tuple[str, Any]]) -> NoReturn:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"{shown(name)} is given twice")
        seen.add(name)
    raise ValueError("a key is given twice")


def written_json(data: object) -> str:
    """`data` as one line of JSON that UTF-8 can hold, keys in order.

    A path may hold bytes that are no UTF-8, which Python keeps as lone surrogates; they are
    written as escapes and come back as they were.
    """
    text = json.dumps(data, ensure_ascii=False, sort_keys=True)
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)
