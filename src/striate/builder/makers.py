"""From operators to the functions that make parts of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from inspect import signature
from itertools import takewhile
from typing import ParamSpec, TypeVar

from striate.builder.parts import OperatorPart, Part, as_part
from striate.errors import SettingError
from striate.graph import Composition, Operator
from striate.graph.check import inputs_wanted
from striate.graph.settings import made, nearest, settings_of

P = ParamSpec("P")
S = TypeVar("S", bound=Operator | Composition)


def step(operator: type[S], args: tuple[object, ...], kwargs: dict[str, object]) -> OperatorPart:
    """One operator from the arguments of a call.

    Raises:
        SettingError: an argument is unknown, missing, or means nothing.
    """
    known = settings_of(operator)
    if len(args) > len(known):
        raise SettingError(
            f"{operator.__name__} takes {len(known)} settings, not {len(args)}",
            remedy=nearest("", known),
        )
    written = dict(zip(known, args, strict=False))
    twice = next((key for key in kwargs if key in written), None)
    if twice:
        raise SettingError(
            f"{twice} of {operator.__name__} is given twice", remedy="Leave one out."
        )
    written |= kwargs
    return OperatorPart(made(operator, written), written)


def maker(operator: type[Operator] | type[Composition]) -> Callable[..., OperatorPart]:
    """The operator as a function that makes parts: of settings, or of branches where it merges."""
    least, most = operator.arity
    merges = least > 1 or most is None or most > 1
    return merge_part(operator) if merges else operator_part(operator)


def operator_part(operator: Callable[P, S]) -> Callable[P, OperatorPart]:
    """The operator as a part, with the same signature."""

    @wraps(operator, updated=())
    def part(*args: P.args, **kwargs: P.kwargs) -> OperatorPart:
        return step(operator, args, kwargs)  # type: ignore[arg-type]

    part.__signature__ = signature(operator)  # type: ignore[attr-defined]
    return part


def merge_part(operator: type[S]) -> Callable[..., OperatorPart]:
    """The operator as a part that reads branches; its settings are keywords.

    Where it may read one value alone, settings may also stand behind the branches: GRU(64).
    """

    def part(*given: object, **settings: object) -> OperatorPart:
        least, most = operator.arity
        alone = least <= 1 and most is not None
        branches = tuple(takewhile(lambda each: isinstance(each, Part), given)) if alone else given
        if len(branches) < (least if least > 1 else 0) or (
            most is not None and len(branches) > most
        ):
            wanted = inputs_wanted(least, most)
            raise SettingError(
                f"{operator.__name__} merges {wanted} branches, not {len(branches)}",
                remedy=f"Write {operator.__name__}(Conv(6, 3, padding='same'), Pass()).",
            )
        return replace(
            step(operator, given[len(branches) :], settings),
            branches=tuple(as_part(each) for each in branches),
        )

    part.__name__ = part.__qualname__ = operator.__name__
    part.__doc__ = operator.__doc__
    return part
