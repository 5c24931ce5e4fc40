"""Settings as they are written on a command line or in YAML, read as the type they need."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from numbers import Integral, Real
from types import UnionType
from typing import Any, get_args

from striate.errors import SettingError
from striate.graph.settings import shown

LONGEST = 1000
"""Decimal digits of an integer that is read; Python itself refuses more than 4,300."""

_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_PLAIN = {"int": "a whole number", "float": "a number", "bool": "yes or no", "str": "a text"}


def read(name: str, value: Any, kind: Any) -> Any:
    """The value of setting `name` as its type; an integer stays exact, whatever its size.

    Raises:
        SettingError: it is something else.
    """
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if type(None) in kinds and (value is None or str(value).lower() == "none"):
        return None
    readers = {each: reader for each, reader in _READERS.items() if each in kinds}
    for reader in readers.values():
        found = reader(value)
        if found is not None:
            return found
    wanted = " or ".join(_PLAIN[each.__name__] for each in readers)
    raise SettingError(f"{name} is {shown(value)}", remedy=f"It needs {wanted}.")


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) else None


def _word(value: Any) -> bool | None:
    return _WORDS.get(str(value).lower())


def _integer(value: Any) -> int | None:
    """An integer without a detour through floating point, which would round it."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    try:
        exact = Decimal(value) if isinstance(value, str | float) else None
    except InvalidOperation:
        return None
    if exact is None or not exact.is_finite() or exact.adjusted() > LONGEST:
        return None
    return int(exact) if exact == exact.to_integral_value() else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | Real):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


_READERS: dict[Any, Any] = {str: _text, bool: _word, int: _integer, float: _number}
