"""The settings of an operator by name, and whether a value given from outside fits them.

Text, Python calls and JSON files all make operators here, so that a wrong value is refused in
the same words whichever way it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from math import isnan
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from striate.errors import SettingError, ShapeError, did_you_mean
from striate.graph.operator import Operator
from striate.graph.spec import Spec

O = TypeVar("O")  # noqa: E741


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of an operator.

    Args:
        name: as in Python.
        hint: its type.
        required: whether there is no default.
        default: what holds when it is not given.
    """

    name: str
    hint: Any
    required: bool
    default: object = None

    def accepts(self, value: object) -> bool:
        """Whether `value` is of the right kind."""
        return _fitted(self.hint, value) is not _MISFIT

    @property
    def per_axis(self) -> bool:
        """Whether it is one number for all spatial axes, or one per axis; not names of axes."""
        return self.accepts(1) and self.accepts((1, 2)) and not self.accepts(("row", "column"))

    @property
    def words(self) -> tuple[str, ...]:
        """The words it takes, where it takes some and no others."""
        return get_args(self.hint) if get_origin(self.hint) is Literal else ()

    @property
    def kind(self) -> str:
        """The values it takes, in words."""
        return " or ".join(dict.fromkeys(_kinds(self.hint)))


def settings_of(operator: type) -> Mapping[str, Setting]:
    """The settings of a kind of operator or composition, in the order that a call takes them in."""
    return _settings_of(operator)


@cache
def _settings_of(operator: Any) -> Mapping[str, Setting]:
    hints = get_type_hints(operator)
    found = {}
    for each in sorted(fields(operator), key=lambda each: bool(each.kw_only)):
        if not each.metadata.get("setting", True):
            continue
        required = each.default is MISSING and each.default_factory is MISSING
        default = None if required else each.default
        if each.default_factory is not MISSING:
            default = each.default_factory()
        found[each.name] = Setting(each.name, hints[each.name], required, default)
    return found


def made(operator: type[O], values: Mapping[str, object]) -> O:
    """An operator from settings by name; lists count as tuples, whole numbers as numbers.

    Raises:
        SettingError: a setting is unknown, missing, of the wrong kind, or means nothing.
    """
    known = settings_of(operator)
    fitted = {}
    for name, value in values.items():
        if name not in known:
            raise SettingError(
                f"{operator.__name__} has no setting {name}", remedy=nearest(name, known)
            )
        fitted[name] = _fitted(known[name].hint, value)
        if fitted[name] is _MISFIT:
            raise SettingError(
                f"{name} of {operator.__name__} is {shown(value)}",
                remedy=f"It takes {known[name].kind}.",
            )
    for name, setting in known.items():
        if setting.required and name not in fitted:
            raise SettingError(f"{operator.__name__} needs {name}", remedy=f"Give {setting.kind}.")
    return operator(**fitted)


def check_axes(operator: type[Operator], values: Mapping[str, object], x: Spec, name: str) -> None:
    """Refuse one number per axis (5x5) when the input has another number of axes.

    Operators keep 5x5 as 5, so this is asked before the settings are forgotten.

    Raises:
        ShapeError: a setting was given for another number of axes than `x` has.
    """
    if x.rank < 2:
        return
    rank = len(x.spatial)
    for key, value in values.items():
        counted = isinstance(value, tuple) and settings_of(operator)[key].per_axis
        every = x.rank if key in operator.counts_channels else rank
        if counted and len(value) not in (1, rank, every):  # type: ignore[arg-type]
            axes = "one spatial axis" if rank == 1 else f"{rank} spatial axes"
            raise ShapeError(
                f"{key} of {name} has {len(value)} numbers, "  # type: ignore[arg-type]
                f"but its {x} input has {axes}",
                remedy=f"Write {key} as one number for all axes"
                + (f", or {rank} numbers." if rank > 1 else ".")
                + _channels_missing(len(value), x),  # type: ignore[arg-type]
            )


def _channels_missing(numbers: int, x: Spec) -> str:
    """What to say where the setting fits the input but for an axis of channels."""
    if numbers != x.rank:
        return ""
    return f"\nThe first number of {x} counts channels: one channel of {x} is INPUT 1x{x}."


def nearest(name: str, known: Mapping[str, Setting]) -> str:
    """What to say about a setting that does not exist."""
    if not known:
        return "It has no settings."
    return did_you_mean(name, known) or f"It has: {', '.join(known)}."


def shown(value: object) -> str:
    """`value`, short enough for a message."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:39]}…"


_MISFIT = object()


def _fitted(hint: Any, value: object) -> Any:
    """`value` as `hint` wants it, or _MISFIT."""
    if hint is Any or hint is object:
        return value
    if get_origin(hint) in (Union, UnionType):
        return _first_fit(get_args(hint), value)
    if get_origin(hint) is Literal:
        return value if value in get_args(hint) else _MISFIT
    if get_origin(hint) is tuple or hint is tuple:
        return _fitted_tuple(get_args(hint) or (Any, ...), value)
    if hint is float:
        return _fitted_float(value)
    if hint is NoneType or hint is None:
        return None if value is None else _MISFIT
    if hint is int and type(value) is int and abs(value) >= 1 << 63:
        return _MISFIT
    return value if type(value) is hint else _MISFIT


def _first_fit(hints: tuple[Any, ...], value: object) -> Any:
    exact = [each for each in hints if each is type(value)]
    for hint in (*exact, *hints):
        found = _fitted(hint, value)
        if found is not _MISFIT:
            return found
    return _MISFIT


def _fitted_tuple(hints: tuple[Any, ...], value: object) -> Any:
    if not isinstance(value, (tuple, list)):
        return _MISFIT
    if len(hints) == 2 and hints[1] is ...:
        hints = hints[:1] * len(value)
    if len(hints) != len(value):
        return _MISFIT
    found = tuple(_fitted(hint, each) for hint, each in zip(hints, value, strict=True))
    return _MISFIT if any(each is _MISFIT for each in found) else found


def _fitted_float(value: object) -> Any:
    if value in ("inf", "-inf"):
        return float(str(value))
    if type(value) is int and abs(value) < 1 << 1000:
        return float(value)
    return value if type(value) is float and not isnan(value) else _MISFIT


def _kinds(hint: Any) -> list[str]:
    if get_origin(hint) in (Union, UnionType):
        return [kind for each in get_args(hint) for kind in _kinds(each)]
    if get_origin(hint) is Literal:
        return [str(each) for each in get_args(hint)]
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        if inner is float:
            return ["one number per class (1+2+0.5)"]
        return ["pairs of whole numbers" if get_origin(inner) is tuple else "several of them"]
    words = {int: "a whole number", float: "a number", bool: "yes or no", str: "a word"}
    return [words.get(hint, "nothing" if hint is NoneType else str(hint))]
