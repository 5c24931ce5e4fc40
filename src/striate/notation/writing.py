"""One operator: from its class and settings to its canonical text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from striate.graph import Operator
from striate.graph.settings import settings_of
from striate.notation import values
from striate.notation.forms import (
    FORMS,
    PADDING_WORDS,
    SHARES,
    SHORT,
    Form,
    by_operator,
)
from striate.notation.pages import text_of
from striate.notation.reading import signature, taker


def operator_text(operator: Operator, *, axes: int = 2, shares: str = "") -> str:
    """The canonical text of one operator, on an input of so many spatial axes.

    Args:
        shares: the node whose weights it uses.

    >>> from striate.ops import Conv, MaxPool
    >>> operator_text(Conv(16, 5, padding="same", bias=False)), operator_text(MaxPool(3, 2))
    ('CONV 16 5x5 same bias=no', 'MAXPOOL 3 stride=2')
    """
    form = by_operator()[type(operator).__name__]
    parts = [form.keyword]
    later = []
    for name, setting in settings_of(type(operator)).items():
        value = getattr(operator, name)
        if name in form.positional:
            continue
        if value == setting.default and type(value) is type(setting.default):
            continue
        if name == "padding" and value in PADDING_WORDS:
            parts.append(str(value))
        else:
            later.append(f"{SHORT.get(name, name)}={values.write_setting(value, setting)}")
    shared = [f"{SHARES}={shares}"] if shares else []
    return " ".join([parts[0], *_first(operator, form, axes), *parts[1:], *later, *shared])


def _first(operator: Operator, form: Form, axes: int) -> Iterator[str]:
    """The settings that stand first, without their names where a reader gives them the same."""
    known, waiting = settings_of(type(operator)), list(form.positional)
    for name in form.positional:
        value = getattr(operator, name)
        if value is None:
            continue
        written = values.write(value, _axes(form, name, axes))
        yield written if taker(written, known, waiting) == name else f"{name}={written}"
        waiting.remove(name)


def _axes(form: Form, name: str, axes: int) -> int:
    """A kernel with weights is written out by axis (5x5), as everybody does; a pool is a number."""
    return max(1, axes) if name == "kernel" and "out_channels" in form.positional else 1


@dataclass(frozen=True)
class Listed:
    """What `striate show --operators` says about an operator.

    Args:
        keyword: its name in the notation.
        signature: how it is written, with all settings.
        meaning: one line.
        aliases: other keywords for it.
    """

    keyword: str
    signature: str
    meaning: str
    aliases: tuple[str, ...]


def operators() -> tuple[Listed, ...]:
    """Every operator, in the order of the notation's table."""
    order = {form.operator: place for place, form in enumerate(FORMS)}
    forms = sorted(by_operator().values(), key=lambda each: order.get(each.operator, len(order)))
    return tuple(Listed(f.keyword, signature(f), _meaning(f), f.aliases) for f in forms)


def _meaning(form: Form) -> str:
    """The first sentence of the operator's page, without its own name in front."""
    sentence = " ".join(text_of(form).split("\n\n")[0].split()).rstrip(".")
    _, colon, rest = sentence.partition(": ")
    return (rest if colon else sentence).split(". ")[0]
